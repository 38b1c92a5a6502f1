import { setTimeout as pause } from 'node:timers/promises';
import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { ConnectionStates } from '../connection-states.js';
import { retryDelay } from '../../timing/retry-delay.js';
import type { ClaimCursor } from './claim-cursor.js';

/** Resets the cursors of all processes after tasks were put back where they had been, which the cursors may have passed. */
export class Rewinder {
  private wanted = false;
  private running = false;
  private closed = false;

  constructor(
    private readonly repository: LeaseRepository,
    private readonly cursor: ClaimCursor,
    private readonly states: ConnectionStates,
  ) {}

  /** Resets the cursors of this process at once, and has the others reset theirs; the request is repeated until it succeeds. */
  request(): void {
    this.cursor.reset();
    this.wanted = true;
    if (!this.running) {
      this.running = true;
      void this.run();
    }
  }

  /** Requests nothing any more: the end of this process's lease, or its rescue, does the same. */
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
