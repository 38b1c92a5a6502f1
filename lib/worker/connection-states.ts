import type { ConnectionRole, EventSink } from '../events/queue-events.js';

/** Which of the queue's own connections fail, whoever noticed: each failure is reported, and the first success after failures. */
export class ConnectionStates {
  private readonly failing = new Set<ConnectionRole>();

  constructor(private readonly events: EventSink) {}

  failed(role: ConnectionRole, error: unknown): void {
    this.failing.add(role);
    this.events.emit({ type: 'connection-failed', role, error });
  }

  worked(role: ConnectionRole): void {
    if (this.failing.delete(role)) {
      this.events.emit({ type: 'connection-restored', role });
    }
  }
}
