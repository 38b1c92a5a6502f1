import { checkVisibility, ReadOnlyServerError } from '../storage/visibility-check.js';
import type { RunStatement } from '../storage/executor.js';
import { SchemaMismatchError } from '../errors/pg-queue.errors.js';
import type { EventSink } from '../events/queue-events.js';
import { ConnectionStates } from '../worker/connection-states.js';

const FIRST_MS = 2000;
const PERIOD_MS = 30_000;
/** While something is wrong, so that its end is told soon. */
const AGAIN_MS = 1000;

/** Looks regularly for what makes every statement of this process succeed and see nothing; by one statement. */
export class VisibilityWatch {
  private readonly states: ConnectionStates;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  /** @param run on the connections that claim and write */
  constructor(
    private readonly run: RunStatement,
    private readonly schema: string,
    private readonly events: EventSink,
    private readonly heartbeatPeriodMs: number,
  ) {
    this.states = new ConnectionStates(events);
  }

  start(): void {
    this.schedule(FIRST_MS);
  }

  /** Waits for a look that is on its way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(ms: number): void {
    if (!this.stopped) {
      this.timer = setTimeout(() => {
        this.running = this.look();
      }, ms);
    }
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    let nextMs = Math.max(PERIOD_MS, this.heartbeatPeriodMs);
    try {
      await checkVisibility(this.run, this.schema);
      this.states.worked('schema');
    } catch (error) {
      if (!(error instanceof SchemaMismatchError)) {
        this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      } else if (!(error instanceof ReadOnlyServerError)) {
        nextMs = AGAIN_MS;
        this.states.failed('schema', error);
      }
      // Of a server that takes no writes the heartbeat tells, each time that it fails.
    }
    this.schedule(nextMs);
  }
}
