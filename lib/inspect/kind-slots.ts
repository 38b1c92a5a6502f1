import type { KindName } from '../task/task-name.js';

/** The slots of a kind in this process. */
export interface KindSlots extends KindName {
  /** As the live `workerCount` says now. */
  readonly slots: number;
  /** How many run an attempt; above `slots` for a while when there were more. */
  readonly busy: number;
}
