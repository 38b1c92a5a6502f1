import { databaseProblem, sqlState } from '../../errors/sql-state.js';
import { errorMessage } from '../../errors/error-message.js';
import { refusalText } from '../../inspect/refusal.js';
import type { RefusalName, DatabaseEvent, DatabaseEvents } from '../../events/queue-events.js';

/** The most refused tasks that are named. */
const MOST_NAMED = 5;

/** Why no statement of the queue will succeed before somebody repairs the database, and the error of the server. */
export interface LastingFailure {
  readonly message: string;
  readonly error: string;
}

/** The health of the worker in one database, from the worker's events. */
export class DatabaseHealth {
  /** The last error; undefined when a claim or a heartbeat has succeeded since. */
  lastError: string | undefined;
  /** Whether the LISTEN connection is down, so that new tasks wait for the next poll. */
  deaf = false;
  /** How much longer than usual the worker waits before its next claim, because there are no tasks. */
  restMs = 0;
  private lastSuccessAt = 0;
  /** Whether the worker queries nothing, because there are no open tasks. */
  private suspended = false;
  /** Whether the last heartbeat failed. */
  private heartbeatFailed = false;
  /** A sentence for each task for which the database refuses a statement that is tried again. */
  private readonly refusedTasks = new Map<string, string>();
  /** Lasting failures by the role of the connection. */
  private readonly failures = new Map<string, LastingFailure>();

  constructor(
    readonly name: string,
    events: DatabaseEvents,
  ) {
    events.subscribe((event) => this.onEvent(event));
  }

  /** Called when processing starts, or is resumed. */
  reset(): void {
    this.suspended = false;
    this.heartbeatFailed = false;
    this.deaf = false;
    this.restMs = 0;
    this.failures.clear();
    this.refusedTasks.clear();
    this.onSuccess();
  }

  /** The time since the last successful claim, or heartbeat while all slots are busy. */
  get silentMs(): number {
    return this.suspended ? 0 : Math.round(performance.now() - this.lastSuccessAt);
  }

  get lastingFailure(): LastingFailure | undefined {
    const { claim, heartbeat, schema } = Object.fromEntries(this.failures);
    return heartbeat ?? claim ?? schema;
  }

  /** The tasks for which alone the database refuses statements; the first few are named. */
  get refusedReasons(): string[] {
    const reasons = [...this.refusedTasks.values()];
    const more = reasons.length - MOST_NAMED;
    return more > 0 ? [...reasons.slice(0, MOST_NAMED), `${more} more tasks are refused something`] : reasons;
  }

  private onEvent(event: DatabaseEvent): void {
    switch (event.type) {
      case 'claimed':
        this.failures.delete('claim');
        this.restMs = event.restMs;
        this.onSuccess();
        break;
      case 'suspended':
        this.suspended = true;
        break;
      case 'resumed':
        this.reset();
        break;
      case 'saturated':
        // A worker with full slots claims nothing; its heartbeats show that the database works.
        if (!this.heartbeatFailed) {
          this.onSuccess();
        }
        break;
      case 'task-refused':
        if (event.retryInMs !== null) {
          const text = refusalText(event.step, errorMessage(event.error));
          this.refusedTasks.set(keyOf(event), `task ${event.id} (${event.name}): ${text}`);
        }
        break;
      case 'task-accepted':
        this.refusedTasks.delete(keyOf(event));
        break;
      case 'connection-failed':
        this.onFailed(event);
        break;
      case 'connection-restored':
        this.onRestored(event);
        break;
      default:
    }
  }

  private onFailed({ role, error }: Extract<DatabaseEvent, { type: 'connection-failed' }>): void {
    this.lastError = errorMessage(error);
    this.heartbeatFailed ||= role === 'heartbeat';
    this.deaf ||= role === 'listen';
    if (role === 'schema') {
      this.failures.set(role, { message: 'the queue does not see its tables', error: this.lastError });
    }
    const message = lastingFailureOf(error);
    // Only claims and heartbeats are certainly tried again soon.
    if (message && (role === 'claim' || role === 'heartbeat')) {
      this.failures.set(role, { message, error: this.lastError });
    }
  }

  private onRestored({ role }: Extract<DatabaseEvent, { type: 'connection-restored' }>): void {
    this.failures.delete(role);
    this.heartbeatFailed &&= role !== 'heartbeat';
    this.deaf &&= role !== 'listen';
  }

  private onSuccess(): void {
    this.lastSuccessAt = performance.now();
    this.lastError = undefined;
  }
}

function keyOf({ id, step }: RefusalName): string {
  return `${step} ${id}`;
}

function lastingFailureOf(error: unknown): string | undefined {
  switch (databaseProblem(sqlState(error))) {
    case 'read-only':
      return 'the server is read-only';
    case 'mismatch':
      return "the queue's tables do not match this release";
    default:
      return undefined;
  }
}
