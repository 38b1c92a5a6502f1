import { PgQueueError } from '../../errors/pg-queue.errors.js';

/** The work was not started, because too much other work runs and waits. */
export class BusyError extends PgQueueError {
  readonly code = 'PGQUEUE_BUSY';
}

export interface ConcurrencyLimitOptions {
  /** The most calls that run at the same time. */
  readonly atOnce: number;
  /** The most calls that wait; further calls fail with a BusyError. */
  readonly waiting: number;
  /** A call that has waited this long fails with a BusyError. */
  readonly patienceMs: number;
}

/**
 * Runs a limited number of calls at the same time, in the order of their arrival. Calls that are aborted, or have waited too long, leave
 * the queue.
 */
export class ConcurrencyLimit {
  private running = 0;
  private readonly queue = new Set<() => void>();

  constructor(private readonly options: ConcurrencyLimitOptions) {}

  /** @throws BusyError; the reason of the signal when it is aborted before the work starts */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.acquire(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  private async acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.running < this.options.atOnce) {
      this.running += 1;
      return;
    }
    if (this.queue.size >= this.options.waiting) {
      throw new BusyError('the queue is full');
    }
    await this.wait(signal);
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.queue.delete(start);
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const start = () => {
        leave();
        resolve();
      };
      const abort = () => {
        leave();
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        leave();
        reject(new BusyError(`waited for ${this.options.patienceMs} ms`));
      }, this.options.patienceMs);
      signal.addEventListener('abort', abort, { once: true });
      this.queue.add(start);
    });
  }

  /** Starts the next call of the queue, if there is one, instead of the one that has ended. */
  private release(): void {
    const [next] = this.queue;
    if (next) {
      next();
    } else {
      this.running -= 1;
    }
  }
}
