import type { SettleRepository } from '../../storage/settle.repository.js';
import { LeaseLostError, TaskCancelledError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from '../run/attempt.js';
import type { WorkerPools } from '../run/worker-pools.js';
import type { WorkerBase } from '../worker-base.js';

/** While the listener hears of every loss, only one heartbeat in so many checks the attempts. */
const BEATS_WHILE_LISTENING = 5;
/** Shorter attempts are not checked. */
const MIN_AGE_MS = 1000;

/** Finds out which running attempts no longer hold their lease, when no notification said so. A check that fails is reported, and repeated by the next heartbeat. */
export class AttemptWatch {
  private beats = 0;
  private isDue = false;
  /** Cancels that came before the answer of the claim that took their tasks. */
  private early: { readonly leaseId: number; readonly taskId: number }[] = [];

  constructor(
    private readonly base: Pick<WorkerBase, 'events' | 'origin' | 'states'>,
    private readonly pools: WorkerPools,
    private readonly repository: SettleRepository,
  ) {}

  /** The server may be another, or have gone back in time: what was held may not be any more. */
  reconnected(): void {
    this.isDue = true;
  }

  /** A heartbeat has succeeded. */
  onBeat(listening: boolean): void {
    this.beats++;
    this.early = [];
    if (listening && !this.isDue && this.beats % BEATS_WHILE_LISTENING !== 0) {
      return;
    }
    this.isDue = false;
    this.check(this.pools.attempts().filter((attempt) => attempt.durationMs > MIN_AGE_MS));
  }

  /** A notification said that this task was cancelled while it ran: a hint, since the task may have been pushed and taken again. */
  cancelled(leaseId: number, taskId: number): void {
    const attempts = this.attemptsOf(leaseId, taskId);
    if (attempts.length === 0) {
      this.early.push({ leaseId, taskId });
    }
    this.check(attempts);
  }

  /** Attempts have been started. */
  recheck(): void {
    if (this.early.length > 0) {
      this.check(this.early.flatMap(({ leaseId, taskId }) => this.attemptsOf(leaseId, taskId)));
    }
  }

  /** A whole lease is gone. */
  leaseLost(leaseId: number): void {
    const lost = this.pools.attempts().filter((attempt) => attempt.leaseId === leaseId);
    lost.forEach((attempt) => this.lose(attempt, false));
    this.base.events.emit({ type: 'lease-lost', leaseId, running: lost.length });
  }

  /** Whether attempts under this lease run, or wait for a slot. */
  uses(leaseId: number): boolean {
    return this.pools.attempts().some((attempt) => attempt.leaseId === leaseId);
  }

  private attemptsOf(leaseId: number, taskId: number): Attempt[] {
    return this.pools.attempts().filter((attempt) => attempt.id === taskId && attempt.leaseId === leaseId);
  }

  private check(attempts: readonly Attempt[]): void {
    const held = attempts.filter((attempt) => !attempt.lost);
    if (held.length > 0) {
      void this.checkHeld(held).catch((error: unknown) => this.base.states.failed('settle', error));
    }
  }

  private async checkHeld(held: readonly Attempt[]): Promise<void> {
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
      if (status !== undefined && isOpen(attempt) && !completed) {
        this.lose(attempt, status === 'cancelled');
      }
    }
  }

  private lose(attempt: Attempt, cancelled: boolean): void {
    const id = this.base.origin.idOf(attempt.id);
    attempt.lose(
      cancelled
        ? new TaskCancelledError(`task ${id} was cancelled while it ran`)
        : new LeaseLostError(`task ${id}: attempt ${attempt.number} lost its lease`),
    );
  }
}

function isOpen({ state }: Attempt): boolean {
  return state === 'waiting' || state === 'beginning' || state === 'running';
}

/** Whether its handler settled it in a transaction of its own, so that the row is finished, or gone. */
function hasCompleted({ completed }: Attempt, status: string | null | undefined): boolean {
  return completed && (status === null || status === 'succeeded');
}
