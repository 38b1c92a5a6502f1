import { sqlState } from '../../storage/sql-state.js';
import { errorMessage } from '../../errors/error-message.js';
import { refusalText } from '../../inspect/refusal.js';
import type { RefusalName, DatabaseEvent, DatabaseEvents } from '../../events/queue-events.js';

const READ_ONLY = '25006';
/** Tables, columns, functions or privileges that are not there; no such schema. */
const MISMATCH = /^(42|3F)/;

/** So many refused tasks are named. */
const MOST_NAMED = 5;

/** Why the server will go on to refuse what the queue does, and with which words it did. */
export interface Refusal {
  readonly message: string;
  readonly error: string;
}

/** What the worker's events say of how it fares in one shard. */
export class ShardHealth {
  /** What went wrong last, unless something has gone right since. */
  lastError: string | undefined;
  /** Wake-ups are not heard: new tasks wait for the next poll. */
  deaf = false;
  /** For how much longer than usual the next claim is put off, since nobody has anything to do. */
  restMs = 0;
  private lastSignAt = 0;
  /** It has nothing to do, and asks nothing. */
  private suspended = false;
  /** Whether the last heartbeat failed. */
  private cutOff = false;
  /** Tasks for which the database refuses something, and what is tried again: each in words. */
  private readonly refusedTasks = new Map<string, string>();
  /** By the connection that met it. */
  private readonly refusals = new Map<string, Refusal>();

  constructor(
    readonly name: string,
    events: DatabaseEvents,
  ) {
    events.subscribe((event) => this.onEvent(event));
  }

  /** Processing begins. */
  reset(): void {
    this.suspended = false;
    this.cutOff = false;
    this.deaf = false;
    this.restMs = 0;
    this.refusals.clear();
    this.refusedTasks.clear();
    this.onSign();
  }

  /** For how long no claim has succeeded, or no heartbeat while all slots are busy. */
  get silentMs(): number {
    return this.suspended ? 0 : Math.round(performance.now() - this.lastSignAt);
  }

  get refusal(): Refusal | undefined {
    const { claim, heartbeat, schema } = Object.fromEntries(this.refusals);
    return heartbeat ?? claim ?? schema;
  }

  /** The tasks that are kept apart since the database refuses something for them alone; the first few are named. */
  get refusedReasons(): string[] {
    const reasons = [...this.refusedTasks.values()];
    const more = reasons.length - MOST_NAMED;
    return more > 0 ? [...reasons.slice(0, MOST_NAMED), `${more} more tasks are refused something`] : reasons;
  }

  private onEvent(event: DatabaseEvent): void {
    switch (event.type) {
      case 'claimed':
        this.refusals.delete('claim');
        this.restMs = event.restMs;
        this.onSign();
        break;
      case 'suspended':
        this.suspended = true;
        break;
      case 'resumed':
        this.reset();
        break;
      case 'saturated':
        // Full slots ask the database nothing, but the heartbeat does.
        if (!this.cutOff) {
          this.onSign();
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
    this.cutOff ||= role === 'heartbeat';
    this.deaf ||= role === 'listen';
    if (role === 'schema') {
      this.refusals.set(role, { message: 'the queue does not see its tables', error: this.lastError });
    }
    const message = refusalOf(sqlState(error));
    // Only these two are sure to try again soon.
    if (message && (role === 'claim' || role === 'heartbeat')) {
      this.refusals.set(role, { message, error: this.lastError });
    }
  }

  private onRestored({ role }: Extract<DatabaseEvent, { type: 'connection-restored' }>): void {
    this.refusals.delete(role);
    this.cutOff &&= role !== 'heartbeat';
    this.deaf &&= role !== 'listen';
  }

  private onSign(): void {
    this.lastSignAt = performance.now();
    this.lastError = undefined;
  }
}

function keyOf({ id, step }: RefusalName): string {
  return `${step} ${id}`;
}

function refusalOf(state: string | undefined): string | undefined {
  if (state === READ_ONLY) {
    return 'the server is read-only';
  }
  return state && MISMATCH.test(state) ? "the queue's tables do not match this release" : undefined;
}
