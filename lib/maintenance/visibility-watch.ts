import { checkVisibility, ReadOnlyServerError } from '../storage/visibility-check.js';
import type { RunStatement } from '../storage/executor.js';
import { SchemaMismatchError } from '../errors/pg-queue.errors.js';
import type { EventSink } from '../events/queue-events.js';
import { BackgroundLoop } from '../timing/background-loop.js';
import { ConnectionStates } from '../worker/connection-states.js';

const FIRST_MS = 2000;
const PERIOD_MS = 30_000;
/** The pause while something is wrong, so that its end is reported soon. */
const AGAIN_MS = 1000;

/**
 * Checks regularly, by one statement, that this process sees the queue's rows: row security, a view in the place of a table or a server
 * that takes no writes would let every other statement succeed and find nothing.
 */
export class VisibilityWatch {
  private readonly states: ConnectionStates;
  private readonly loop = new BackgroundLoop({ turn: () => this.check() });

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
    this.loop.start(FIRST_MS);
  }

  /** Waits for a check that runs. */
  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Never rejects. @returns the pause before the next check */
  private async check(): Promise<number> {
    try {
      await checkVisibility(this.run, this.schema);
      this.states.worked('schema');
    } catch (error) {
      if (!(error instanceof SchemaMismatchError)) {
        this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      } else if (!(error instanceof ReadOnlyServerError)) {
        this.states.failed('schema', error);
        return AGAIN_MS;
      }
      // A server that takes no writes is reported by each heartbeat, since each fails.
    }
    return Math.max(PERIOD_MS, this.heartbeatPeriodMs);
  }
}
