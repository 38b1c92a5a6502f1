import type { LeaseRepository } from '../../storage/lease.repository.js';
import { BackgroundLoop } from '../../timing/background-loop.js';
import type { ConnectionStates } from '../connection-states.js';
import type { ClaimCursor } from './claim-cursor.js';

/** Resets the cursors of all processes after tasks were put back where they had been, which the cursors may have passed. */
export class Rewinder {
  private readonly loop = new BackgroundLoop({
    turn: () => this.repository.rewind(),
    onError: (error) => this.states.failed('settle', error),
  });

  constructor(
    private readonly repository: LeaseRepository,
    private readonly cursor: ClaimCursor,
    private readonly states: ConnectionStates,
  ) {}

  /** Resets the cursors of this process at once, and has the others reset theirs; the request is repeated until it succeeds. */
  request(): void {
    this.cursor.reset();
    this.loop.wake();
  }

  /** Requests nothing any more: the end of this process's lease, or its rescue, does the same. */
  close(): void {
    void this.loop.stop();
  }
}
