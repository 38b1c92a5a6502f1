import type { EventSink } from '../events/queue-events.js';
import type { ClaimCursor } from './claim/claim-cursor.js';
import type { ClaimSchedule } from './claim/claim-schedule.js';
import type { ClaimSignal } from './claim/claim-signal.js';
import type { IdleBackoff } from './claim/idle-backoff.js';
import type { PausedKinds } from './claim/paused-kinds.js';
import type { Rewinder } from './claim/rewinder.js';
import type { ConnectionStates } from './connection-states.js';
import type { HeldLeases } from './lease/held-leases.js';
import type { RefusedTasks } from './refused-tasks.js';
import type { TaskOrigin } from './task-origin.js';
import type { WorkerOptions } from './worker-options.js';

/** What the parts of one run of a worker share. Each part names those of these that it uses. */
export interface WorkerBase extends WorkerOptions {
  readonly events: EventSink;
  readonly origin: TaskOrigin;
  readonly states: ConnectionStates;
  readonly refused: RefusedTasks;
  readonly held: HeldLeases;
  readonly cursor: ClaimCursor;
  readonly idle: IdleBackoff;
  readonly schedule: ClaimSchedule;
  /** Wakes the claimer. */
  readonly claims: ClaimSignal;
  readonly paused: PausedKinds;
  readonly rewinder: Rewinder;
}
