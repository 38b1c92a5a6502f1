import type { SettleRepository } from '../storage/settle.repository.js';
import { LeaseLostError, TaskCancelledError } from '../task/task.errors.js';
import type { Attempt } from './attempt.js';
import type { WorkerPool } from './worker-pool.js';

/** While the listener hears of every loss, only one heartbeat in so many asks. */
const BEATS_WHILE_LISTENING = 5;
/** Shorter attempts are not asked about. */
const MIN_AGE_MS = 1000;

/** Finds out which running attempts no longer hold their lease, when no notification told it. */
export class AttemptWatch {
  private beats = 0;

  constructor(
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    private readonly repository: SettleRepository,
  ) {}

  async onBeat(listening: boolean): Promise<void> {
    this.beats++;
    if (listening && this.beats % BEATS_WHILE_LISTENING !== 0) {
      return;
    }
    const running = this.attempts().filter(
      (attempt) => !attempt.lost && !attempt.completed && attempt.durationMs > MIN_AGE_MS,
    );
    if (running.length > 0) {
      const lost = new Map(
        (await this.repository.findLost(running)).map(({ id, attempt, status }) => [
          `${id}:${attempt}`,
          status,
        ]),
      );
      for (const attempt of running) {
        const status = lost.get(`${attempt.id}:${attempt.attempt}`);
        if (status !== undefined && attempt.state === 'running') {
          this.lose(attempt, status === 'cancelled');
        }
      }
    }
  }

  /** A notification said that this attempt's task was cancelled. */
  cancelled(leaseId: number, taskId: number): void {
    for (const attempt of this.attempts()) {
      if (attempt.id === taskId && attempt.leaseId === leaseId) {
        this.lose(attempt, true);
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

  private lose(attempt: Attempt, cancelled: boolean): void {
    attempt.lost = true;
    attempt.abort(
      cancelled
        ? new TaskCancelledError(`task ${attempt.id} was cancelled while it ran`)
        : new LeaseLostError(`task ${attempt.id}: attempt ${attempt.attempt} lost its lease`),
    );
  }
}
