import { PgQueueError } from '../errors/pg-queue.errors.js';

/** Others ask for so much at the moment that this was not begun. */
export class BusyError extends PgQueueError {
  readonly code = 'PGQUEUE_BUSY';
}

export interface ConcurrencyLimitOptions {
  /** So many are inside at once. */
  readonly atOnce: number;
  /** So many wait at most; more are turned away. */
  readonly waiting: number;
  /** Who has waited for so long is turned away. */
  readonly patienceMs: number;
}

/** Lets few in at once, in the order in which they came; who leaves the line, or has waited for too long, is not waited for. */
export class ConcurrencyLimit {
  private inside = 0;
  private readonly line = new Set<() => void>();

  constructor(private readonly options: ConcurrencyLimitOptions) {}

  /** @throws BusyError; what the signal is aborted with */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.enter(signal);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.inside < this.options.atOnce) {
      this.inside += 1;
      return;
    }
    if (this.line.size >= this.options.waiting) {
      throw new BusyError('the line is full');
    }
    await this.wait(signal);
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.line.delete(letIn);
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
      };
      const letIn = () => {
        end();
        resolve();
      };
      const giveUp = () => {
        end();
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        end();
        reject(new BusyError(`waited for ${this.options.patienceMs} ms`));
      }, this.options.patienceMs);
      signal.addEventListener('abort', giveUp, { once: true });
      this.line.add(letIn);
    });
  }

  /** The place goes to the next in the line. */
  private leave(): void {
    const [next] = this.line;
    if (next) {
      next();
    } else {
      this.inside -= 1;
    }
  }
}
