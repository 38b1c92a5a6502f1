import type { ActionRecord } from './action-record.js';
import type { AttemptName, KindName, SettledAs } from '../task/task-name.js';

/** The step of a task that the database refuses. */
export type RefusedStep =
  'claim' | 'begin' | 'outcome' | 'release' | 'rescue' | 'cleanup' | 'retry' | 'cancel' | 'delete' | 'runNow';

/** A statement that the database refuses for one task alone, as events name it. */
export interface RefusalName extends KindName {
  readonly id: string;
  readonly step: RefusedStep;
}

/** Which of the queue's own connections an event is about; `schema`: the regular check that they see the queue's tables. */
export type ConnectionRole = (typeof CONNECTION_ROLES)[number];
export const CONNECTION_ROLES = ['claim', 'settle', 'heartbeat', 'listen', 'maintenance', 'schema'] as const;

/** The shard where it happened; of a queue without `shards` the name of its DataSource, `'default'` unless it was given. */
export interface InShard {
  readonly shard: string;
}

/** What happens to the tasks of one shard, kind by kind. */
export type DatabaseTaskEvent =
  /** Tasks were stored, duplicates left out; before the commit of a caller's transaction, which may still roll back. */
  | ({ readonly type: 'tasks-pushed'; readonly count: number } & KindName)
  /** A task was cancelled by its key; before the commit of a caller's transaction. */
  | ({ readonly type: 'task-cancelled' } & KindName)
  /** Exhausted tasks got new attempts by `retryTasks`; before the commit of a caller's transaction. */
  | ({ readonly type: 'tasks-retried'; readonly count: number } & KindName)
  | ({
      readonly type: 'tasks-claimed';
      readonly count: number;
      /** How long each task had been due, by the database's clock. */
      readonly waitsMs: readonly number[];
    } & KindName)
  /** An attempt has ended, and its outcome is recorded, or certainly never will be. */
  | ({
      readonly type: 'attempt-settled';
      readonly as: SettledAs;
      /** The task is `no_attempts_left` now. */
      readonly exhausted: boolean;
      readonly durationMs: number;
      /** What the handler threw, or why the lease was lost. */
      readonly error?: unknown;
    } & AttemptName)
  /** An attempt has ended and freed its slot while its handler still runs: the handler is abandoned. */
  | ({
      readonly type: 'handler-abandoned';
      /** How many abandoned handlers of this kind run now. */
      readonly abandoned: number;
    } & AttemptName)
  /** An abandoned handler has ended; its result changes nothing. */
  | ({ readonly type: 'abandoned-handler-ended'; readonly abandoned: number } & AttemptName)
  /** This process rescued the tasks of a lost one. */
  | ({
      readonly type: 'tasks-rescued';
      readonly count: number;
      /** How many of them are `no_attempts_left` now. */
      readonly exhausted: number;
      /** The name of the lost process. */
      readonly worker: string;
    } & KindName)
  /**
   * This process released tasks that its lease held and that it did not run: the result of a claim was lost, or a
   * server was restored to an earlier time. No attempt was used.
   */
  | ({ readonly type: 'tasks-released'; readonly count: number } & KindName)
  /** The database refuses a statement for this task alone, whatever its error says; other tasks go on. */
  | ({
      readonly type: 'task-refused';
      readonly error: unknown;
      /** How often the step was tried so far. */
      readonly tries: number;
      /** In how many milliseconds it is tried again; null: only by a further call. */
      readonly retryInMs: number | null;
    } & RefusalName)
  /** The step that the database refused for this task is done, or need not be done any more. */
  | ({ readonly type: 'task-accepted' } & RefusalName)
  /** A kind that this process handles was paused for all processes: none of its tasks is claimed until it is resumed. */
  | ({ readonly type: 'kind-paused' } & KindName)
  | ({ readonly type: 'kind-resumed' } & KindName)
  /** This process has deleted terminal tasks that were older than their TTL. */
  | ({ readonly type: 'tasks-expired'; readonly count: number } & KindName);

/** What happens between this process and one shard. */
export type DatabaseProcessEvent =
  /** A claim has returned, with tasks or without. */
  | {
      readonly type: 'claimed';
      readonly count: number;
      readonly durationMs: number;
      /** How much longer than usual the pause before the next poll is, since no process has anything to do; else 0. */
      readonly restMs: number;
    }
  /** Nothing is claimed because no slot is free. */
  | { readonly type: 'saturated' }
  /** A batch of outcomes has been written. */
  | { readonly type: 'flushed'; readonly count: number; readonly durationMs: number }
  /** A sweep found tasks behind the cursor: a cancel that was rolled back, foreign SQL, or a bug. */
  | { readonly type: 'swept'; readonly count: number }
  /** There is a lease to claim under. */
  | { readonly type: 'lease-acquired'; readonly leaseId: number }
  /** Another process has declared this one dead. */
  | {
      readonly type: 'lease-lost';
      readonly leaseId: number;
      /** So many attempts ran under the lease; they are aborted. */
      readonly running: number;
    }
  /** This process has nothing to do, and asks the database nothing until there is something, or `idlePeriod` is over. */
  | { readonly type: 'suspended' }
  /** This process asks for tasks again. */
  | { readonly type: 'resumed' }
  /** Wake-ups can be heard from now on. */
  | { readonly type: 'listening' }
  /** A notification said that something was pushed. */
  | { readonly type: 'woken' }
  /** A statement of the queue's own failed, or a connection broke; it is tried again. */
  | { readonly type: 'connection-failed'; readonly role: ConnectionRole; readonly error: unknown }
  /** The first success after failures; never of `maintenance`, whose jobs have their next turn. */
  | { readonly type: 'connection-restored'; readonly role: ConnectionRole };

/** What happens in one shard, as it is told there. */
export type DatabaseEvent = DatabaseTaskEvent | DatabaseProcessEvent;

type Placed<Event> = Event extends unknown ? Event & InShard : never;

/** What happens in this process to tasks, kind by kind. */
export type TaskQueueEvent =
  | Placed<DatabaseTaskEvent>
  /** A kind has a handler in this process. */
  | ({ readonly type: 'kind-registered' } & KindName)
  /** A live worker count has changed; seen when it is next read. */
  | ({ readonly type: 'slots-resized'; readonly from: number; readonly to: number } & KindName)
  /** A live option failed or is wrong; its last good value goes on. */
  | ({ readonly type: 'option-invalid'; readonly error: unknown } & KindName);

/** What happens in this process as a whole. */
export type ProcessQueueEvent =
  | Placed<DatabaseProcessEvent>
  /** Processing has begun; without kinds, this process only pushes. */
  | { readonly type: 'started'; readonly kinds: readonly (KindName & { readonly workerCount: number })[] }
  /** Processing could not begin: the queue's tables are missing, of another version, or not accessible. */
  | { readonly type: 'start-failed'; readonly error: unknown }
  /** Processing has ended. */
  | {
      readonly type: 'stopped';
      /** So many attempts did not end in time and were given back. */
      readonly released: number;
    }
  /** Nothing could run in this process for a while, heartbeats neither: a handler blocks the event loop. */
  | { readonly type: 'event-loop-blocked'; readonly blockedMs: number; readonly leaseTimeoutMs: number }
  /** Somebody has changed tasks, paused a kind or resumed it: by the dashboard, the command line or `QueueAdmin`, in this process. */
  | ({ readonly type: 'action-taken' } & ActionRecord)
  /** A subscriber, or an instrumentation, has thrown. */
  | { readonly type: 'subscriber-failed'; readonly error: unknown };

/** What happens in this process, for metrics, logs, traces and applications to observe. */
export type QueueEvent = TaskQueueEvent | ProcessQueueEvent;

/** Called at once, within what the event is about: it must not block. */
export type QueueEventListener = (event: QueueEvent) => void;

/** Hands each event to every subscriber; one that throws breaks neither the queue nor the others. */
export class QueueEvents {
  /** Replaced as a whole, so that each event reaches those who were there when it happened, without an iterator for each. */
  private listeners: readonly QueueEventListener[] = [];

  /** @returns a function that ends the subscription. */
  subscribe(listener: QueueEventListener): () => void {
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  emit(event: QueueEvent): void {
    for (const listener of this.listeners) {
      call(listener, event, (error) => this.reportFailure(listener, error));
    }
  }

  private reportFailure(failed: QueueEventListener, error: unknown): void {
    for (const listener of this.listeners) {
      if (listener !== failed) {
        // An error of this listener too is not reported anywhere.
        call(listener, { type: 'subscriber-failed', error }, () => undefined);
      }
    }
  }
}

/** Where the parts that work in one shard emit its events. */
export interface EventSink {
  emit(event: DatabaseEvent): void;
}

/** The events of one shard among those of the process. */
export class DatabaseEvents implements EventSink {
  constructor(
    private readonly events: QueueEvents,
    private readonly shard: string,
  ) {}

  emit(event: DatabaseEvent): void {
    // The event belongs to this sink from here on: a copy of each would cost more than most listeners do.
    (event as { shard?: string }).shard = this.shard;
    this.events.emit(event as QueueEvent);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (event: Placed<DatabaseEvent>) => void): () => void {
    return this.events.subscribe((event) => {
      if ('shard' in event && event.shard === this.shard) {
        listener(event);
      }
    });
  }
}

/** An asynchronous listener fits the type too; what it rejects with must not end the process. */
function call(listener: QueueEventListener, event: QueueEvent, onFailed: (error: unknown) => void): void {
  try {
    const result: unknown = listener(event);
    if (result instanceof Promise) {
      result.catch(onFailed);
    }
  } catch (error) {
    onFailed(error);
  }
}
