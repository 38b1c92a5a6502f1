import type { LeaseRepository } from '../storage/lease.repository.js';
import type { QueueEvents } from '../task/queue-events.js';
import type { WorkerPool } from '../worker/worker-pool.js';

/** Gives back the tasks of worker processes whose heartbeat has stopped. */
export class Rescuer {
  private running: Promise<void> | undefined;

  constructor(
    private readonly repository: LeaseRepository,
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    private readonly events: QueueEvents,
    private readonly limits: { readonly leaseTimeoutMs: number; readonly silenceMs: number | null },
  ) {}

  /** Rescues once; a call while one runs joins it. Never rejects. */
  runOnce(): Promise<void> {
    this.running ??= this.rescue().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async rescue(): Promise<void> {
    const keep = new Map(
      [...this.pools.values()].map(({ kind, options }) => [kind, options.maxTaskErrorMessages]),
    );
    try {
      const { rescued } = await this.repository.rescue(
        this.limits.leaseTimeoutMs,
        this.limits.silenceMs,
        keep,
      );
      for (const { kind, worker, count, exhausted } of rescued) {
        const name = this.pools.get(kind)?.name ?? `pgqueue-${kind}`;
        this.events.emit({ type: 'tasks-rescued', kind, name, worker, count, exhausted });
      }
    } catch (error) {
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
  }
}
