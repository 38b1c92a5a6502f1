import type { LostWorker, Rescue, RescueRepository } from '../storage/rescue.repository.js';
import type { EventSink } from '../events/queue-events.js';
import { BackgroundLoop } from '../timing/background-loop.js';
import type { RefusedTasks } from '../worker/refused-tasks.js';
import type { WorkerPools } from '../worker/run/worker-pools.js';

/** The pause before a rescue looks again for tasks that it had to leave to the transactions that hold their rows; it doubles each time. */
const FIRST_AGAIN_MS = 1000;
const LONGEST_AGAIN_MS = 30_000;

interface RescueRequest {
  /** Leases whose process may be dead. */
  readonly suspects: readonly number[];
  /** Leases that somebody ended, and had to leave tasks of. */
  readonly ended: readonly number[];
}

const NOTHING: RescueRequest = { suspects: [], ended: [] };

/** Takes the tasks of worker processes whose heartbeat has stopped, so that other processes run them. */
export class Rescuer {
  private readonly loop = new BackgroundLoop({ turn: () => this.rescue() });
  /** The leases that the next rescue looks at, besides those that are left. */
  private wanted: RescueRequest = NOTHING;
  /** Dead processes some of whose tasks are not rescued yet. */
  private remaining: readonly LostWorker[] = [];
  private nextPauseMs = FIRST_AGAIN_MS;

  constructor(
    private readonly repository: RescueRepository,
    private readonly pools: WorkerPools,
    private readonly events: EventSink,
    private readonly refused: RefusedTasks,
    private readonly limits: { readonly leaseTimeoutMs: number; readonly silenceMs: number | null },
  ) {}

  /**
   * Rescues once; a call while one runs joins it. Never rejects.
   * @param suspects leases whose process may be dead
   * @param ended leases that somebody ended, and had to leave tasks of
   */
  runOnce(suspects: readonly number[] = [], ended: readonly number[] = []): Promise<void> {
    if (!this.loop.isRunning) {
      this.wanted = { suspects, ended };
    }
    return this.loop.runOnce();
  }

  /** Gives back tasks whose lease does not exist: the safety net under the rescue. @returns whether none is left */
  async adoptOrphans(): Promise<boolean> {
    const rescue = await this.repository.rescueOrphans(this.messagesKept());
    this.report(rescue);
    return rescue.remaining.length === 0;
  }

  /** No rescue begins by itself any more; waits for the one that runs. @returns the leases whose tasks it had to leave: others see to them */
  async stop(): Promise<readonly number[]> {
    await this.loop.stop();
    return this.remaining.map(({ leaseId }) => leaseId);
  }

  /** Never rejects. @returns the pause before it looks for what is left */
  private async rescue(): Promise<number> {
    const { wanted } = this;
    this.wanted = NOTHING;
    try {
      await this.takeAll(wanted);
    } catch (error) {
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
    if (this.remaining.length === 0) {
      this.nextPauseMs = FIRST_AGAIN_MS;
      return Number.POSITIVE_INFINITY;
    }
    const pauseMs = this.nextPauseMs;
    this.nextPauseMs = Math.min(pauseMs * 2, LONGEST_AGAIN_MS);
    return pauseMs;
  }

  private async takeAll({ suspects, ended }: RescueRequest): Promise<void> {
    const { repository } = this;
    const { leaseTimeoutMs, silenceMs } = this.limits;
    const keep = this.messagesKept();
    if (this.remaining.length > 0) {
      this.taken(await repository.rescueRemaining(this.remaining, keep), []);
    }
    if (suspects.length > 0) {
      this.taken(await repository.rescue(suspects, leaseTimeoutMs, silenceMs, keep), this.remaining);
    }
    const left = ended.filter((id) => this.remaining.every(({ leaseId }) => leaseId !== id));
    if (left.length > 0) {
      this.taken(await repository.rescueEnded(left, keep), this.remaining);
    }
  }

  /** @param others dead processes that the rescue was not about */
  private taken(rescue: Rescue, others: readonly LostWorker[]): void {
    this.remaining = [...others, ...rescue.remaining];
    this.report(rescue);
  }

  private async rescueOne(of: LostWorker, id: number): Promise<void> {
    const rescue = await this.repository.rescueOne(of, id, this.messagesKept());
    this.report(rescue);
    if (rescue.remaining.length > 0) {
      throw new Error('another transaction holds its row');
    }
  }

  private messagesKept(): Map<number, number> {
    return new Map([...this.pools.values()].map(({ kind, options }) => [kind, options.maxTaskErrorMessages]));
  }

  private report({ tasks, refused }: Rescue): void {
    for (const { id, kind, of, error } of refused) {
      this.refused.refuse({ id, kind }, 'rescue', error, () => this.rescueOne(of, id));
    }
    for (const { kind, worker, count, exhausted } of tasks) {
      const name = this.pools.nameOf(kind);
      this.events.emit({ type: 'tasks-rescued', kind, name, worker, count, exhausted });
    }
  }
}
