import { InvalidOptionError } from '../../errors/pg-queue.errors.js';
import type { EventSink } from '../../events/queue-events.js';
import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { HeldLeases } from './held-leases.js';

/** A session of this process whose connection broke has ended by then: its keepalive probes find that out within 14 seconds. */
const LONGEST_LINGER_MS = 20_000;

/** Where connections are few a heartbeat borrows one; a pooler changes them at every turn. */
const MOST_CHANGES = 10;

const sharedSessions = () =>
  new InvalidOptionError(
    'transactionPooling',
    false,
    'must be true: heartbeats are answered by one session and another, as behind a pooler in transaction mode',
  );

/** Ties leases to the session of the heartbeat by a lock, which goes with the session: while it is there, others see that this process lives. */
export class SessionTie {
  /** The session that has the current lease's lock. */
  private tiedTo: string | undefined;
  /** Since when another session has the lock. */
  private untiedSince: number | undefined;
  /** How often another session answered than the one before, though no connection was lost. */
  private changes = 0;
  /** Whether a pooler hands the heartbeats to sessions that others use too: their locks show nothing. */
  private sharesSessions = false;

  constructor(
    private readonly heartbeats: LeaseRepository,
    private readonly leases: HeldLeases,
    private readonly events: EventSink,
  ) {}

  /** The heartbeat has a new connection: the old one's locks are gone, or will be. */
  reconnected(): void {
    this.tiedTo = undefined;
  }

  /** There is a new lease. */
  acquired(): void {
    this.tiedTo = undefined;
    this.changes = 0;
  }

  /**
   * Locks the leases in the session that answered a heartbeat. Where another session has the lock for long, a copy of this process may
   * live: the lease is retired, so that new claims get one that no other process can know.
   * @returns whether the lease was retired
   */
  async tie(session: string): Promise<boolean> {
    const { leases } = this;
    if (this.sharesSessions || leases.current === null || this.tiedTo === session) {
      return false;
    }
    if (this.tiedTo !== undefined && ++this.changes >= MOST_CHANGES) {
      this.sharesSessions = true;
      this.events.emit({ type: 'connection-failed', role: 'heartbeat', error: sharedSessions() });
      return false;
    }
    const hold = await this.heartbeats.hold(leases.all);
    if (hold.held.has(leases.current)) {
      this.tiedTo = hold.session;
      this.untiedSince = undefined;
      return false;
    }
    const now = performance.now();
    this.untiedSince ??= now;
    if (now - this.untiedSince < LONGEST_LINGER_MS) {
      return false;
    }
    leases.retire();
    this.untiedSince = undefined;
    return true;
  }
}
