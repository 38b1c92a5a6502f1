import { Injectable } from '@nestjs/common';
import { TaskHandlerRegistry } from '../../handlers/task-handler.registry.js';
import { QueueService } from '../queue.service.js';
import { QueueDatabases } from '../../cluster/queue-databases.js';
import { callDatabases } from '../../cluster/database-results.js';
import { type Duration, toMilliseconds, toTimerMilliseconds } from '../../timing/duration.js';
import { errorMessage } from '../../errors/error-message.js';
import { QueueEvents } from '../../events/queue-events.js';
import { checkCount } from '../../errors/check.js';
import { inTime } from '../../timing/timeout.js';
import type { DatabaseHealth } from './database-health.js';
import { WorkerHealth } from './worker-health.js';

/** The result type of a Terminus indicator, declared here so that the core does not need Terminus. */
export type PgQueueHealthResult<Key extends string = string> = Record<
  Key,
  { status: 'up' | 'down' } & Record<string, unknown>
>;

/** How patient `isHealthy` is. */
export interface PgQueueHealthOptions {
  /** So many fall-back polls without a successful claim mean that the queue is down, 1 or more. Default 4. */
  maxMissedPolls?: number;
  /**
   * Degraded when a task of this process's kinds has been due for longer. Asks the database, one index probe for each kind and
   * priority. Default: the age is not checked.
   */
  maxOldestDueAge?: Duration;
  /** How long the database may take to answer that. Default 1 s. */
  timeout?: Duration;
}

type Details = Record<string, unknown>;
type Problem = Readonly<{ message: string; error: string | undefined }>;

const DEFAULT_MISSED_POLLS = 4;

/**
 * Whether this process's queue works, for `@nestjs/terminus`: `() => indicator.isHealthy('pgqueue')` for readiness,
 * `() => indicator.isLive('pgqueue')` for liveness. Reports what the worker has observed, and queries the database only when an option
 * requires it.
 * @publicApi
 */
@Injectable()
export class PgQueueHealthIndicator {
  private readonly health: WorkerHealth;
  private lastPeriodMs = 0;

  constructor(
    events: QueueEvents,
    private readonly registry: TaskHandlerRegistry,
    private readonly queue: QueueService,
    private readonly databases: QueueDatabases,
  ) {
    this.health = new WorkerHealth(events, databases.all);
  }

  /**
   * Up whenever the process responds, whatever the database does: a restart fixes no database.
   * @param key the indicator's name in the answer, default `'pgqueue'`
   */
  async isLive<Key extends string = 'pgqueue'>(key = 'pgqueue' as Key): Promise<PgQueueHealthResult<Key>> {
    return result(key, 'up', { processing: this.health.state === 'running' });
  }

  /**
   * Up in a process that only pushes. Down from the first moment of a stop or shutdown on, when processing could not be started, when
   * the server is read-only, its tables do not match or are hidden from the queue's role, and when no claim has succeeded for several
   * fall-back polls (at least 4 s). Up with `degraded: true` and a `reason` when wake-ups are not heard, the oldest due task is too old,
   * or the database refuses something for single tasks, which it names. `slots` says for each kind how many there are
   * and how many are busy. With several shards it is down when all are, degraded when some are, and `shards` says which.
   * @param key the indicator's name in the answer, default `'pgqueue'`
   * @throws InvalidOptionError for a wrong option
   */
  async isHealthy<Key extends string = 'pgqueue'>(
    key = 'pgqueue' as Key,
    options: PgQueueHealthOptions = {},
  ): Promise<PgQueueHealthResult<Key>> {
    // Checked at each call: no silence would exceed a value that is no number.
    checkCount('maxMissedPolls', options.maxMissedPolls ?? DEFAULT_MISSED_POLLS, Number.MAX_SAFE_INTEGER);
    const { state, startError } = this.health;
    if (this.queue.ending === 'closed') {
      return result(key, 'down', { processing: false, message: 'the application is shutting down' });
    }
    if (state === 'failed') {
      const message = 'processing could not be started';
      return result(key, 'down', { processing: false, message, error: startError });
    }
    if (state === 'idle' || this.registry.getAll().length === 0) {
      return result(key, 'up', { processing: false });
    }
    if (state === 'stopped' || this.queue.ending) {
      const message = state === 'stopped' ? 'processing is stopped' : 'processing is being stopped';
      return result(key, 'down', { processing: false, message });
    }
    const problems = this.problems(options);
    const [first] = problems.values();
    return problems.size === this.health.databases.length
      ? result(key, 'down', { ...this.details(problems), ...first })
      : result(key, 'up', { ...this.details(problems), ...(await this.degradation(options, problems)) });
  }

  /** The databases that do not work, with the reason. */
  private problems({
    maxMissedPolls = DEFAULT_MISSED_POLLS,
  }: PgQueueHealthOptions): Map<DatabaseHealth, Problem> {
    const limitMs = Math.max(1000, this.pollPeriod()) * maxMissedPolls;
    const problems = new Map<DatabaseHealth, Problem>();
    for (const database of this.health.databases) {
      const { lastingFailure, silentMs, restMs, lastError } = database;
      if (lastingFailure) {
        problems.set(database, lastingFailure);
      } else if (silentMs > limitMs + restMs) {
        problems.set(database, { message: `no claim has succeeded for ${silentMs} ms`, error: lastError });
      }
    }
    return problems;
  }

  private details(problems: ReadonlyMap<DatabaseHealth, Problem>): Details {
    const slots = this.queue.slots().map(({ name, slots: total, busy }) => [name, { slots: total, busy }]);
    return {
      processing: true,
      kinds: this.registry.getAll().length,
      slots: Object.fromEntries(slots),
      millisecondsSinceLastClaim: Math.max(...this.health.databases.map(({ silentMs }) => silentMs)),
      ...(this.databases.areNamed ? { shards: this.shardDetails(problems) } : {}),
    };
  }

  private shardDetails(problems: ReadonlyMap<DatabaseHealth, Problem>): Details {
    const details = this.health.databases.map((database) => {
      const problem = problems.get(database);
      return [database.name, problem ? { status: 'down', ...problem } : { status: 'up' }];
    });
    return Object.fromEntries(details) as Details;
  }

  private async degradation(
    options: PgQueueHealthOptions,
    problems: ReadonlyMap<DatabaseHealth, Problem>,
  ): Promise<Details> {
    const working = this.databases.all.filter(
      ({ name }) => ![...problems.keys()].some((down) => down.name === name),
    );
    const { oldestDueMs, reasons } = await this.oldestDue(options, working);
    const all = [
      ...[...problems].map(([{ name }, { message }]) => `shard ${name}: ${message}`),
      ...this.minorProblems(problems),
      ...reasons,
    ];
    return {
      ...(oldestDueMs === undefined ? {} : { oldestDueMs }),
      ...(all.length === 0 ? {} : { degraded: true, reason: all.join('; ') }),
    };
  }

  /** What is wrong in the databases that work. */
  private minorProblems(problems: ReadonlyMap<DatabaseHealth, Problem>): string[] {
    const working = this.health.databases.filter((database) => !problems.has(database));
    const deaf = working.filter((database) => database.deaf);
    return [
      ...deaf.map(({ name }) =>
        this.inShard(name, 'wake-ups are not heard, new tasks wait for the next poll'),
      ),
      ...working.flatMap(({ name, refusedReasons }) =>
        refusedReasons.map((text) => this.inShard(name, text)),
      ),
    ];
  }

  private inShard(name: string, text: string): string {
    return this.databases.areNamed ? `shard ${name}: ${text}` : text;
  }

  private async oldestDue(
    { maxOldestDueAge, timeout = '1s' }: PgQueueHealthOptions,
    databases: QueueDatabases['all'],
  ): Promise<{ oldestDueMs?: number; reasons: string[] }> {
    if (maxOldestDueAge === undefined) {
      return { reasons: [] };
    }
    const limitMs = toMilliseconds('maxOldestDueAge', maxOldestDueAge);
    const timeoutMs = toTimerMilliseconds('timeout', timeout, 1);
    const kinds = this.registry.getAll().map((handler) => handler.options.kind);
    const { results, errors } = await callDatabases(databases, ({ database, tasks }) =>
      inTime(
        timeoutMs,
        database.transaction((run) => tasks.oldestDue(run, kinds, timeoutMs)),
      ),
    );
    const late = [...results].filter(([, dueMs]) => dueMs > limitMs);
    const reasons = [
      ...late.map(([{ name }, dueMs]) => this.inShard(name, `a task has been due for ${dueMs} ms`)),
      ...[...errors].map(([{ name }, error]) =>
        this.inShard(name, `the oldest due task is not known: ${errorMessage(error)}`),
      ),
    ];
    return results.size === 0 ? { reasons } : { oldestDueMs: Math.max(...results.values()), reasons };
  }

  /** The shortest poll period of all kinds; the last valid one while reading a live value fails, which does not affect health. */
  private pollPeriod(): number {
    try {
      const periods = this.registry.getAll().map(({ options }) => options.fetcherPeriodMs());
      this.lastPeriodMs = Math.min(...periods);
    } catch {
      // The worker reports it.
    }
    return this.lastPeriodMs;
  }
}

function result<Key extends string>(
  key: Key,
  status: 'up' | 'down',
  details: Details,
): PgQueueHealthResult<Key> {
  return { [key]: { status, ...details } } as PgQueueHealthResult<Key>;
}
