/** What most specs need that open an application. The rest of this folder is imported by the names of its files. */
export { type Deferred, deferred } from './deferred.js';
export {
  databasePerFile,
  databasePerTest,
  IDLE,
  lazily,
  type OpenApp,
  perTest,
  type QueueHandle,
  type Recipe,
} from './fixtures.js';
export { newKind } from './kinds.js';
export { type RecordedEvents, recordEvents } from './queue-events.js';
export { rejectionOf, thrownBy } from './thrown-by.js';
export { until } from './until.js';
