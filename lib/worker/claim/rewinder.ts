import { setTimeout as pause } from 'node:timers/promises';
import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { ConnectionStates } from '../connection-states.js';
import { retryDelay } from '../../timing/retry-delay.js';

/** Makes every process look behind its cursors again, after tasks were put back where they had been. Keeps trying. */
export class Rewinder {
  private wanted = false;
  private running = false;
  private closed = false;

  constructor(
    private readonly repository: LeaseRepository,
    private readonly states: ConnectionStates,
  ) {}

  request(): void {
    this.wanted = true;
    if (!this.running) {
      this.running = true;
      void this.run();
    }
  }

  /** Tries no longer: the end of this process's lease, or its rescue, does the same. */
  close(): void {
    this.closed = true;
  }

  private async run(): Promise<void> {
    for (let failures = 0; this.wanted && !this.closed;) {
      this.wanted = false;
      try {
        await this.repository.rewind();
        failures = 0;
      } catch (error) {
        this.wanted = true;
        this.states.failed('settle', error);
        await pause(retryDelay(++failures));
      }
    }
    this.running = false;
  }
}
