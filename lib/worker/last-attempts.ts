import { setTimeout as pause } from 'node:timers/promises';
import type { SettleRepository } from '../storage/settle.repository.js';
import { LeaseLostError } from '../task/task.errors.js';
import type { Attempt, TaskPlace } from './attempt.js';
import type { ConnectionStates } from './connection-states.js';
import { retryDelay } from './retry-delay.js';

export interface LastAttemptsDeps {
  repository: SettleRepository;
  states: ConnectionStates;
  place: TaskPlace;
}

/** What waits for its beginning to be written. */
interface Beginning {
  readonly attempt: Attempt;
  begun(): void;
}

/**
 * Tells the database that last attempts begin, before they do. A claim does not use up the last attempt of a task: what was claimed
 * ahead, or by a claim whose answer was lost, would have none left although it never ran. What begins at the same time shares a statement.
 */
export class LastAttempts {
  private waiting: Beginning[] = [];
  private running = false;
  private closed = false;

  constructor(private readonly deps: LastAttemptsDeps) {}

  /** @param begun called once it is written, unless the attempt has ended meanwhile. */
  begin(attempt: Attempt, begun: () => void): void {
    this.waiting.push({ attempt, begun });
    if (!this.running) {
      this.running = true;
      setImmediate(() => void this.run());
    }
  }

  /** Tries no longer. */
  close(): void {
    this.closed = true;
  }

  /** Never rejects. A beginning that was written and whose answer was lost is written again: that changes nothing more. */
  private async run(): Promise<void> {
    for (let failures = 0; this.waiting.length > 0 && !this.closed;) {
      const batch = this.waiting.filter(({ attempt }) => attempt.state === 'beginning');
      this.waiting = [];
      try {
        if (batch.length > 0) {
          this.answer(batch, await this.deps.repository.begin(batch.map(({ attempt }) => attempt)));
        }
        failures = 0;
      } catch (error) {
        this.waiting.unshift(...batch);
        this.deps.states.failed('settle', error);
        await pause(retryDelay(++failures));
      }
    }
    this.running = false;
  }

  private answer(batch: readonly Beginning[], begun: ReadonlySet<number> | null): void {
    for (const beginning of batch) {
      const { attempt } = beginning;
      if (attempt.state !== 'beginning') {
        continue;
      }
      if (begun !== null && !begun.has(attempt.id)) {
        attempt.lose(
          new LeaseLostError(
            `task ${this.deps.place.idOf(attempt.id)} was taken away before its attempt began`,
          ),
        );
      }
      beginning.begun();
    }
  }
}
