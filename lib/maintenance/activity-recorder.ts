import type { ActivityRepository } from '../storage/activity.repository.js';
import { ActivityTally } from '../inspect/activity-tally.js';
import type { DatabaseEvents } from '../events/queue-events.js';
import { BackgroundLoop } from '../timing/background-loop.js';

const PERIOD_MS = 10_000;
/** Processes that start together do not write together. */
const SPREAD = 0.1;

/**
 * Adds up the outcomes of this process's attempts, and stores the sums in the statistics of all processes: by one statement every ten
 * seconds, and by none while nothing happens.
 */
export class ActivityRecorder {
  private readonly tally = new ActivityTally();
  private readonly unsubscribe: () => void;
  private readonly loop = new BackgroundLoop({
    turn: () => this.write(),
    pauseMs: () => PERIOD_MS,
    spread: SPREAD,
  });

  constructor(
    private readonly repository: ActivityRepository,
    private readonly events: DatabaseEvents,
  ) {
    this.unsubscribe = events.subscribe(this.tally.onEvent);
  }

  start(): void {
    this.loop.start();
  }

  /** Writes what has come since the last turn. */
  async stop(): Promise<void> {
    this.unsubscribe();
    await this.loop.stop();
    await this.write();
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
