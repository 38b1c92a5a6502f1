import { setTimeout as pause } from 'node:timers/promises';
import type { Shard } from '../shard.js';
import { retryDelay } from '../../timing/retry-delay.js';

/** Waits for a shard that could not be reached when processing began. */
export class ShardOpening {
  private readonly stopping = new AbortController();

  constructor(
    private readonly shard: Shard,
    private readonly onOpen: () => void,
  ) {}

  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopping.abort();
  }

  private async run(): Promise<void> {
    for (let failures = 1; !(await this.tryOnce(failures)); failures++);
  }

  /** Never rejects. @returns whether there is nothing more to try */
  private async tryOnce(failures: number): Promise<boolean> {
    const { signal } = this.stopping;
    const { events } = this.shard;
    try {
      await pause(retryDelay(failures), undefined, { signal });
      await this.shard.checkOnOwnConnection('work');
      if (!signal.aborted) {
        this.onOpen();
        events.emit({ type: 'connection-restored', role: 'claim' });
      }
    } catch (error) {
      if (!signal.aborted) {
        events.emit({ type: 'connection-failed', role: 'claim', error });
      }
      return signal.aborted;
    }
    return true;
  }
}
