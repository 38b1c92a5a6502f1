import type { LeaseRepository, RescuedTasks } from '../storage/lease.repository.js';
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

  /** Gives back tasks whose lease does not exist: the safety net under the rescue. */
  async adoptOrphans(): Promise<void> {
    this.report(await this.repository.rescueOrphans(this.messagesKept()));
  }

  private async rescue(): Promise<void> {
    const { leaseTimeoutMs, silenceMs } = this.limits;
    try {
      this.report(await this.repository.rescue(leaseTimeoutMs, silenceMs, this.messagesKept()));
    } catch (error) {
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
  }

  private messagesKept(): Map<number, number> {
    return new Map([...this.pools.values()].map(({ kind, options }) => [kind, options.maxTaskErrorMessages]));
  }

  private report(rescued: readonly RescuedTasks[]): void {
    for (const { kind, worker, count, exhausted } of rescued) {
      const name = this.pools.get(kind)?.name ?? `pgqueue-${kind}`;
      this.events.emit({ type: 'tasks-rescued', kind, name, worker, count, exhausted });
    }
  }
}
