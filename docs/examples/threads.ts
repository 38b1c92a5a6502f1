import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { defineTask, noJitter, type Task, TaskHandler } from 'nestjs-pgqueue';
import { Piscina } from 'piscina';

export const CountPrimes = defineTask<{ below: number }>({ kind: 22, name: 'count-primes', maxAttempts: 3 });

const THREADS = 2;

// #region piscina
@Injectable()
export class PrimeCounter implements OnModuleDestroy {
  readonly counted = new Map<number, number>();
  private readonly threads = new Piscina<number, number>({
    filename: new URL('primes.mjs', import.meta.url).href,
    maxThreads: THREADS,
  });

  // As many slots as threads: what waits for a thread uses up its time.
  @TaskHandler(CountPrimes, { workerCount: THREADS, attemptTimeout: '30s', backoff: noJitter('1m') })
  async count({ payload, signal }: Task<{ below: number }>) {
    // When the signal is aborted, the thread is ended in the midst of its work.
    this.counted.set(payload.below, await this.threads.run(payload.below, { signal }));
  }

  /** The queue has drained by then. */
  async onModuleDestroy() {
    await this.threads.destroy();
  }
}
// #endregion
