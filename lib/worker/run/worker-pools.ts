import { defaultKindName } from '../../task/task-name.js';
import type { Attempt } from './attempt.js';
import type { WorkerPool } from './worker-pool.js';

/** The pools of one database in this process, by kind. */
export class WorkerPools extends Map<number, WorkerPool> {
  /** Returns the name of a kind, or what stands for it while it has no handler here. */
  nameOf(kind: number): string {
    return this.get(kind)?.name ?? defaultKindName(kind);
  }

  /** Returns the attempts that hold a slot, or wait for one. */
  attempts(): Attempt[] {
    return [...this.values()].flatMap((pool) => [...pool.attempts()]);
  }
}
