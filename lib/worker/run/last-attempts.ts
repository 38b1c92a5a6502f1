import { isolateRows, isRowSuspected } from '../../storage/isolate-rows.js';
import type { SettleRepository } from '../../storage/settle.repository.js';
import { UNCLAIMED } from '../../task/outcome.js';
import { LeaseLostError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from './attempt.js';
import { BackgroundLoop } from '../../timing/background-loop.js';
import { entryOf, type SettledKind } from '../settle/settler-entry.js';
import type { Settler } from '../settle/settler.js';
import type { WorkerBase } from '../worker-base.js';

/** Who learns what became of the beginning of a last attempt. */
export interface BeginHooks {
  /** The beginning is written, or the attempt has lost its task. */
  begun(attempt: Attempt): void;
  /** The beginning can't be written for now: the slot is another's. */
  withdraw(attempt: Attempt): void;
}

/** An attempt that waits for its beginning to be written. */
interface Beginning {
  readonly attempt: Attempt;
  readonly hooks: BeginHooks;
}

/**
 * Writes down that last attempts begin, before they do. A claim does not use up the last attempt of a task: one that was prefetched,
 * or claimed by a claim whose answer was lost, would have none left although it never ran. Those that begin at once share a statement.
 */
export class LastAttempts {
  private waiting: Beginning[] = [];
  /** How often writing has failed in a row. */
  private failures = 0;
  private readonly loop = new BackgroundLoop({
    turn: () => this.writeWaiting(),
    onError: (error) => this.base.states.failed('settle', error),
  });

  constructor(
    private readonly base: Pick<WorkerBase, 'states' | 'origin'>,
    private readonly pools: ReadonlyMap<number, SettledKind>,
    private readonly settler: Settler,
    private readonly repository: SettleRepository,
  ) {}

  /** One of the hooks is called, unless the attempt has ended meanwhile. */
  begin(attempt: Attempt, hooks: BeginHooks): void {
    if (this.waiting.push({ attempt, hooks }) === 1) {
      setImmediate(() => this.loop.wake());
    }
  }

  /** Writes nothing any more. */
  close(): void {
    void this.loop.stop();
  }

  /** A beginning that was written and whose answer was lost is written again: that changes nothing more. */
  private async writeWaiting(): Promise<void> {
    const batch = this.waiting.filter(({ attempt }) => attempt.state === 'beginning');
    this.waiting = [];
    try {
      if (batch.length > 0) {
        await this.write(batch);
      }
    } catch (error) {
      this.failures++;
      const left = isRowSuspected(error, this.failures) ? await this.divide(batch) : batch;
      if (left.length > 0) {
        this.waiting.unshift(...left);
        throw error;
      }
    }
    this.failures = 0;
  }

  private async write(batch: readonly Beginning[]): Promise<void> {
    this.written(batch, await this.repository.begin(batch.map(({ attempt }) => attempt)));
  }

  /** Those that the database refuses are withdrawn, so that the others begin. Never rejects. @returns what is to be tried again */
  private async divide(batch: readonly Beginning[]): Promise<readonly Beginning[]> {
    try {
      const { refused, untried } = await isolateRows(batch, (part) => this.write(part));
      for (const { item, error } of refused) {
        this.withdraw(item, error);
      }
      return untried;
    } catch {
      // It is the server: what has begun meanwhile is no longer beginning.
      return batch;
    }
  }

  private withdraw({ attempt, hooks }: Beginning, error: unknown): void {
    if (attempt.state === 'beginning') {
      hooks.withdraw(attempt);
      const pool = this.pools.get(attempt.claimed.kind)!;
      this.settler.giveBackLater(entryOf(attempt, UNCLAIMED, pool, this.base.origin), error);
    }
  }

  private written(batch: readonly Beginning[], begun: ReadonlySet<number> | null): void {
    for (const { attempt, hooks } of batch) {
      if (attempt.state !== 'beginning') {
        continue;
      }
      if (begun !== null && !begun.has(attempt.id)) {
        const id = this.base.origin.idOf(attempt.id);
        attempt.lose(new LeaseLostError(`task ${id} was taken away before its attempt began`));
      }
      hooks.begun(attempt);
    }
  }
}
