import type { QueueEvents } from '../events/queue-events.js';

const PERIOD_MS = 500;
/** Others may take this process for lost when heartbeats are missing for the lease timeout: a block is reported after this share. */
const WARN_SHARE = 0.2;

/** Reports when handlers block the event loop for so long that heartbeats are in danger. */
export class EventLoopWatch {
  private timer: NodeJS.Timeout | undefined;
  private lastAt = 0;

  constructor(
    private readonly events: QueueEvents,
    private readonly leaseTimeoutMs: number,
  ) {}

  start(): void {
    this.lastAt = performance.now();
    this.timer ??= setInterval(() => this.check(), PERIOD_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private check(): void {
    const now = performance.now();
    const blockedMs = Math.round(now - this.lastAt - PERIOD_MS);
    this.lastAt = now;
    if (blockedMs >= this.leaseTimeoutMs * WARN_SHARE) {
      this.events.emit({ type: 'event-loop-blocked', blockedMs, leaseTimeoutMs: this.leaseTimeoutMs });
    }
  }
}
