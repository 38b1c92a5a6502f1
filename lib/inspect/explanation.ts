import { type Refusal, refusalText } from './refusal.js';
import type { TaskSummary } from './task-view.js';
import { isTerminal, type TerminalStatus } from '../task/task-status.js';

/** Why a task is not running now, or who runs it; `text` says it in a sentence. */
export type Explanation = { readonly text: string } & (
  | { readonly reason: 'not-found' }
  | { readonly reason: 'finished'; readonly status: TerminalStatus; readonly finishedAt: Date | null }
  | { readonly reason: 'no-attempts-left'; readonly attempts: number; readonly lastError: string | null }
  | {
      readonly reason: 'running';
      readonly worker: string;
      readonly attempt: number;
      /** Null while the process does not report the attempt: in its first seconds, and while 50 other attempts have run for longer. */
      readonly since: Date | null;
    }
  /** Its worker process is lost: another process rescues the task. */
  | { readonly reason: 'worker-lost'; readonly worker: string | null; readonly silentMs: number | null }
  | {
      readonly reason: 'not-due';
      readonly dueAt: Date;
      /** A second reason, which would keep the task from running when it is due. */
      readonly besides: 'kind-paused' | 'no-worker' | null;
    }
  | { readonly reason: 'kind-paused'; readonly pausedAt: Date }
  /** No live worker process handles its kind. */
  | { readonly reason: 'no-worker' }
  /** All processes that handle its kind have a `workerCount` of 0. */
  | { readonly reason: 'no-slots'; readonly processes: number }
  | {
      readonly reason: 'slots-busy';
      readonly slots: number;
      readonly processes: number;
      readonly since: Date;
    }
  /** The database refuses something for this task alone, such as its outcome; a process tries again. */
  | ({ readonly reason: 'refused' } & Refusal)
  | {
      readonly reason: 'next-in-line';
      /** The number of due tasks of its kind that run before it. */
      readonly before: number;
      /** `before` is a lower limit, because counting stopped there. */
      readonly beforeIsAtLeast: boolean;
    }
);

/** What an explanation says of the task itself. */
type ExplainedTask = Pick<
  TaskSummary,
  'id' | 'name' | 'status' | 'attemptsElapsed' | 'runAt' | 'finishedAt' | 'lastError'
>;

/** A task, its kind and its workers as the database has them at one moment. */
export interface TaskFacts extends ExplainedTask {
  readonly now: Date;
  /** The lease that holds the task; null when it is not held. `worker` is null when the lease does not exist any more. */
  readonly lease: {
    readonly worker: string | null;
    readonly silentMs: number | null;
    readonly lost: boolean;
    readonly startedAt: Date | null;
    /** Attempts that the process does not report started later than this; null when it reports all that have run for a second. */
    readonly unreportedAfter: Date | null;
  } | null;
  /** The statement that the database refuses for the task; null when there is none. */
  readonly refusal: Refusal | null;
  readonly pausedAt: Date | null;
  /** Live processes that handle its kind. */
  readonly processes: readonly { readonly capacity: number; readonly fullSince: Date | null }[];
  readonly before: number;
  readonly beforeIsAtLeast: boolean;
}

/** The explanation for an id that no stored task has. */
export function notFound(id: string): Explanation {
  return {
    reason: 'not-found',
    text: `There is no task ${id}: it was never pushed, its push was rolled back, or it was deleted after it had finished.`,
  };
}

/** Checks the reasons from the task outwards to its kind and its workers; the first that applies is returned. */
export function explain(facts: TaskFacts): Explanation {
  return refused(facts) ?? ended(facts) ?? leased(facts) ?? early(facts) ?? unserved(facts) ?? waiting(facts);
}

function refused({ id, name, refusal }: TaskFacts): Explanation | null {
  if (refusal === null) {
    return null;
  }
  const { step, error, since, worker } = refusal;
  return {
    reason: 'refused',
    ...refusal,
    text: `Task ${id} (${name}) is stuck: ${refusalText(step, error)}; ${worker} has tried since ${since.toISOString()}, and tries again at least once a minute. Repair what refuses it, or delete the task.`,
  };
}

function ended({ id, name, status, finishedAt, attemptsElapsed, lastError }: TaskFacts): Explanation | null {
  if (isTerminal(status)) {
    const at = finishedAt ? ` at ${finishedAt.toISOString()}` : '';
    const was = status === 'succeeded' ? 'has succeeded' : 'was cancelled';
    return { reason: 'finished', status, finishedAt, text: `Task ${id} (${name}) ${was}${at}.` };
  }
  if (status === 'no_attempts_left') {
    const why = lastError === null ? '' : `; the last error was: ${lastError}`;
    return {
      reason: 'no-attempts-left',
      attempts: attemptsElapsed,
      lastError,
      text: `Task ${id} (${name}) has used up its attempts (${attemptsElapsed}) and waits to be retried or deleted${why}`,
    };
  }
  return null;
}

function leased({ id, name, lease, attemptsElapsed }: TaskFacts): Explanation | null {
  if (lease === null) {
    return null;
  }
  const { worker, silentMs, lost, startedAt: since, unreportedAfter } = lease;
  if (lost || worker === null) {
    const who = worker === null ? 'a worker process that is gone' : `the worker process ${worker}`;
    const silent = silentMs === null ? '' : `, silent for ${seconds(silentMs)}`;
    return {
      reason: 'worker-lost',
      worker,
      silentMs,
      text: `Task ${id} (${name}) is held by ${who}${silent}; another process rescues it once that one is declared dead.`,
    };
  }
  const start = since
    ? `since ${since.toISOString()}`
    : unreportedAfter
      ? `since some time after ${unreportedAfter.toISOString()}, as others of that process have run for longer`
      : 'since a moment ago';
  return {
    reason: 'running',
    worker,
    attempt: attemptsElapsed,
    since,
    text: `Task ${id} (${name}) is running: attempt ${attemptsElapsed}, by ${worker}, ${start}.`,
  };
}

function early(facts: TaskFacts): Explanation | null {
  const { id, name, runAt, now } = facts;
  if (runAt <= now) {
    return null;
  }
  const blocked = unserved(facts)?.reason;
  const besides = blocked === 'kind-paused' || blocked === 'no-worker' ? blocked : null;
  const more = {
    'kind-paused': '; its kind is paused, too',
    'no-worker': '; no live process handles its kind now',
  };
  return {
    reason: 'not-due',
    dueAt: runAt,
    besides,
    text: `Task ${id} (${name}) is not due until ${runAt.toISOString()}, in ${seconds(runAt.getTime() - now.getTime())}${besides ? more[besides] : ''}.`,
  };
}

function unserved({ id, name, pausedAt, processes }: TaskFacts): Explanation | null {
  if (pausedAt) {
    return {
      reason: 'kind-paused',
      pausedAt,
      text: `Task ${id} waits: its kind ${name} has been paused since ${pausedAt.toISOString()}.`,
    };
  }
  if (processes.length === 0) {
    return {
      reason: 'no-worker',
      text: `Task ${id} waits: no live worker process handles its kind ${name}.`,
    };
  }
  return null;
}

function waiting({ id, name, processes, before, beforeIsAtLeast }: TaskFacts): Explanation {
  const slots = processes.reduce((sum, { capacity }) => sum + capacity, 0);
  const where = `in ${processes.length} ${processes.length === 1 ? 'process' : 'processes'}`;
  if (slots === 0) {
    return {
      reason: 'no-slots',
      processes: processes.length,
      text: `Task ${id} waits: ${name} has a workerCount of 0 ${where}.`,
    };
  }
  const serving = processes.filter(({ capacity }) => capacity > 0);
  if (serving.every(({ fullSince }) => fullSince !== null)) {
    const since = new Date(Math.max(...serving.map(({ fullSince }) => fullSince!.getTime())));
    return {
      reason: 'slots-busy',
      slots,
      processes: processes.length,
      since,
      text: `Task ${id} waits: all ${slots} slots of ${name} ${where} have been busy since ${since.toISOString()}, and ${count(before, beforeIsAtLeast)} before it.`,
    };
  }
  return {
    reason: 'next-in-line',
    before,
    beforeIsAtLeast,
    text: `Task ${id} (${name}) is due and there are free slots ${where}; ${count(before, beforeIsAtLeast)} before it.`,
  };
}

function count(tasks: number, atLeast: boolean): string {
  return `${atLeast ? 'at least ' : ''}${tasks} due ${tasks === 1 ? 'task goes' : 'tasks go'}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
