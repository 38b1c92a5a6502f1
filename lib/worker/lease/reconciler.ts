import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { HeldTask } from '../../task/claim.js';
import type { EventSink } from '../../events/queue-events.js';
import type { AttemptRef } from '../../task/settlement.js';
import { pauseUnlessAborted } from '../../timing/abortable-pause.js';
import type { ClaimCursor } from '../claim/claim-cursor.js';
import type { Claimer } from '../claim/claimer.js';
import type { WorkerPools } from '../run/worker-pools.js';
import type { Settler } from '../settle/settler.js';
import type { HeldLeases } from './held-leases.js';
import type { TaskReleaser } from './task-releaser.js';

export interface ReconcilerDeps {
  leases: LeaseRepository;
  releaser: TaskReleaser;
  events: EventSink;
  heartbeatPeriodMs: number;
  held: HeldLeases;
  /** How far claims have come: behind its positions is nothing that nobody holds. */
  cursor: ClaimCursor;
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
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(private readonly deps: ReconcilerDeps) {}

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /** Compares once. @returns how many tasks were released */
  async runOnce(): Promise<number> {
    const { leases, releaser, held, cursor, claimer } = this.deps;
    const own = held.all;
    if (own.length === 0) {
      return 0;
    }
    const unknown = this.unknownOf(await leases.findOwn(own, cursor.places()));
    if (unknown.length === 0) {
      return 0;
    }
    // What the claim on its way brings is known when it has been answered.
    await claimer.answered();
    return releaser.release(this.unknownOf(unknown));
  }

  private async run(): Promise<void> {
    const periodMs = Math.max(PERIOD_MS, this.deps.heartbeatPeriodMs);
    let pauseMs = periodMs * (0.5 + Math.random() / 2);
    while (await pauseUnlessAborted(pauseMs, this.stopping.signal)) {
      const startedAt = performance.now();
      try {
        await this.runOnce();
      } catch (error) {
        this.deps.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      }
      pauseMs = Math.max(periodMs, (performance.now() - startedAt) / LARGEST_SHARE);
    }
  }

  private unknownOf(tasks: readonly HeldTask[]): HeldTask[] {
    const known = new Set<string>();
    for (const attempt of this.known()) {
      known.add(keyOf(attempt));
    }
    return tasks.filter((task) => !known.has(keyOf(task)));
  }

  /** What this process runs, or has on its way to the database. */
  private *known(): Iterable<AttemptRef> {
    yield* this.deps.pools.attempts();
    yield* this.deps.settler.unwritten();
  }
}

function keyOf({ id, claimId }: AttemptRef): string {
  return `${id}:${claimId}`;
}
