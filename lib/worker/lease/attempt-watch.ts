import type { SettleRepository } from '../../storage/settle.repository.js';
import { LeaseLostError, TaskCancelledError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from '../run/attempt.js';
import type { WorkerPool } from '../run/worker-pool.js';
import type { TaskOrigin } from '../task-origin.js';

/** While the listener hears of every loss, only one heartbeat in so many asks. */
const BEATS_WHILE_LISTENING = 5;
/** Shorter attempts are not asked about. */
const MIN_AGE_MS = 1000;

/** Finds out which running attempts no longer hold their lease, when no notification told it. */
export class AttemptWatch {
  private beats = 0;
  private isDue = false;
  /** Cancels that came before the answer of the claim that took their tasks. */
  private early: { readonly leaseId: number; readonly taskId: number }[] = [];

  constructor(
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    private readonly repository: SettleRepository,
    private readonly origin: TaskOrigin,
  ) {}

  /** The server may be another, or have gone back in time: what was held may not be any more. */
  reconnected(): void {
    this.isDue = true;
  }

  async onBeat(listening: boolean): Promise<void> {
    this.beats++;
    this.early = [];
    if (listening && !this.isDue && this.beats % BEATS_WHILE_LISTENING !== 0) {
      return;
    }
    this.isDue = false;
    await this.check(this.attempts().filter((attempt) => attempt.durationMs > MIN_AGE_MS));
  }

  /** A notification said that this task was cancelled while it ran: a hint, since the task may have been pushed and taken again. */
  async cancelled(leaseId: number, taskId: number): Promise<void> {
    const attempts = this.attemptsOf(leaseId, taskId);
    if (attempts.length === 0) {
      this.early.push({ leaseId, taskId });
    }
    await this.check(attempts);
  }

  /** Attempts have been started. */
  async recheck(): Promise<void> {
    if (this.early.length > 0) {
      await this.check(this.early.flatMap(({ leaseId, taskId }) => this.attemptsOf(leaseId, taskId)));
    }
  }

  private attemptsOf(leaseId: number, taskId: number): Attempt[] {
    return this.attempts().filter((attempt) => attempt.id === taskId && attempt.leaseId === leaseId);
  }

  private async check(attempts: readonly Attempt[]): Promise<void> {
    const held = attempts.filter((attempt) => !attempt.lost);
    if (held.length === 0) {
      return;
    }
    const lost = new Map(
      (await this.repository.findLost(held)).map(({ id, claimId, status }) => [`${id}:${claimId}`, status]),
    );
    const statusOf = ({ id, claimId }: Attempt) => lost.get(`${id}:${claimId}`);
    const done = held.filter((attempt) => hasCompleted(attempt, statusOf(attempt)));
    const rolledBack = await this.repository.findRolledBack(
      done.flatMap(({ completedIn }) => completedIn ?? []),
    );
    for (const attempt of held) {
      const status = statusOf(attempt);
      const completed = hasCompleted(attempt, status) && !rolledBack.has(attempt.completedIn ?? '');
      if (status !== undefined && this.isOpen(attempt) && !completed) {
        this.lose(attempt, status === 'cancelled');
      }
    }
  }

  /** A whole lease is gone. @returns how many attempts ran under it. */
  leaseLost(leaseId: number): number {
    const lost = this.attempts().filter((attempt) => attempt.leaseId === leaseId);
    lost.forEach((attempt) => this.lose(attempt, false));
    return lost.length;
  }

  attempts(): Attempt[] {
    return [...this.pools.values()].flatMap((pool) => [...pool.attempts()]);
  }

  private isOpen({ state }: Attempt): boolean {
    return state === 'waiting' || state === 'beginning' || state === 'running';
  }

  private lose(attempt: Attempt, cancelled: boolean): void {
    const id = this.origin.idOf(attempt.id);
    attempt.lose(
      cancelled
        ? new TaskCancelledError(`task ${id} was cancelled while it ran`)
        : new LeaseLostError(`task ${id}: attempt ${attempt.number} lost its lease`),
    );
  }
}

/** Its handler settled it in a transaction of its own, so that the row is finished, or gone. */
function hasCompleted({ completed }: Attempt, status: string | null | undefined): boolean {
  return completed && (status === null || status === 'succeeded');
}
