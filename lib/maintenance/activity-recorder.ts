import type { ActivityRepository } from '../storage/activity.repository.js';
import { ActivityTally } from '../inspect/activity-tally.js';
import type { DatabaseEvents } from '../events/queue-events.js';

const PERIOD_MS = 10_000;

/** Adds what this process's attempts came to into the cluster's statistics, by one statement every ten seconds and none while nothing happens. */
export class ActivityRecorder {
  private readonly tally = new ActivityTally();
  private readonly unsubscribe: () => void;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly repository: ActivityRepository,
    private readonly events: DatabaseEvents,
  ) {
    this.unsubscribe = events.subscribe(this.tally.onEvent);
  }

  start(): void {
    // Not all processes at once.
    this.timer = setTimeout(() => void this.runOnce(), PERIOD_MS * (0.9 + 0.2 * Math.random()));
  }

  /** Writes what has come since. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.unsubscribe();
    await this.running;
    await this.write();
  }

  private async runOnce(): Promise<void> {
    this.running = this.write();
    await this.running;
    if (!this.stopped) {
      this.start();
    }
  }

  /** Never rejects. What could not be written waits for the next turn; where only the answer was lost, it is counted twice. */
  private async write(): Promise<void> {
    const taken = this.tally.take();
    if (taken.size === 0) {
      return;
    }
    try {
      await this.repository.add(taken);
    } catch (error) {
      this.tally.giveBack(taken);
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
  }
}
