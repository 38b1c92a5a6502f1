import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { HeldTask } from '../../task/claim.js';
import type { AttemptRef } from '../../task/settlement.js';
import { BackgroundLoop } from '../../timing/background-loop.js';
import type { Claimer } from '../claim/claimer.js';
import type { WorkerPools } from '../run/worker-pools.js';
import type { Settler } from '../settle/settler.js';
import type { WorkerBase } from '../worker-base.js';
import type { TaskReleaser } from './task-releaser.js';

export interface ReconcilerDeps extends Pick<WorkerBase, 'events' | 'heartbeatPeriodMs' | 'held' | 'cursor'> {
  leases: LeaseRepository;
  releaser: TaskReleaser;
  claimer: Pick<Claimer, 'answered'>;
  pools: WorkerPools;
  settler: Pick<Settler, 'unwritten'>;
}

/** How often a process compares what its leases hold with what it knows. */
const PERIOD_MS = 60_000;
/** Comparing takes this share of the time at most, however much there is to read. */
const LARGEST_SHARE = 0.02;

/**
 * Releases what this process's leases hold and nobody runs: a server that was restored, or an operator, may have brought tasks back.
 * Whatever happened, the database and this process agree again within a minute.
 */
export class Reconciler {
  private readonly loop = new BackgroundLoop({ turn: () => this.compare(), keepsAlive: false });

  constructor(private readonly deps: ReconcilerDeps) {}

  start(): void {
    this.loop.start(this.periodMs * (0.5 + Math.random() / 2));
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Compares once. @returns how many tasks were released */
  async runOnce(): Promise<number> {
    const { leases, releaser, held, cursor, claimer } = this.deps;
    const own = held.all;
    if (own.length === 0) {
      return 0;
    }
    // Behind the positions of the cursor is nothing that nobody holds.
    const unknown = this.unknownOf(await leases.findOwn(own, cursor.places()));
    if (unknown.length === 0) {
      return 0;
    }
    // What the claim on its way brings is known when it has been answered.
    await claimer.answered();
    return releaser.release(this.unknownOf(unknown));
  }

  private get periodMs(): number {
    return Math.max(PERIOD_MS, this.deps.heartbeatPeriodMs);
  }

  /** Never rejects. @returns the pause before the next comparison */
  private async compare(): Promise<number> {
    const startedAt = performance.now();
    try {
      await this.runOnce();
    } catch (error) {
      this.deps.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
    return Math.max(this.periodMs, (performance.now() - startedAt) / LARGEST_SHARE);
  }

  private unknownOf(tasks: readonly HeldTask[]): HeldTask[] {
    const { pools, settler } = this.deps;
    // What this process runs, or has on its way to the database.
    const known = new Set([...pools.attempts(), ...settler.unwritten()].map(keyOf));
    return tasks.filter((task) => !known.has(keyOf(task)));
  }
}

function keyOf({ id, claimId }: AttemptRef): string {
  return `${id}:${claimId}`;
}
