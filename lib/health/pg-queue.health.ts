import { Injectable } from '@nestjs/common';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { QueueService } from '../queue.service.js';
import { Shards } from '../shards.js';
import { type Duration, toMilliseconds, toTimerMilliseconds } from '../task/duration.js';
import { errorMessage } from '../task/error-message.js';
import { QueueEvents } from '../task/queue-events.js';
import { inTime } from './in-time.js';
import { WorkerSigns } from './worker-signs.js';

/** What Terminus expects of an indicator; written out, so that the core needs no Terminus. */
export type PgQueueHealthResult<Key extends string = string> = Record<
  Key,
  { status: 'up' | 'down' } & Record<string, unknown>
>;

/** How patient `isHealthy` is. */
export interface PgQueueHealthOptions {
  /** So many fall-back polls without a successful claim mean that the queue is down. Default 4. */
  maxMissedPolls?: number;
  /**
   * Degraded when a task of this process's kinds has been due for longer. Asks the database, one index probe for each kind and
   * priority. Default: it is not asked.
   */
  maxOldestDueAge?: Duration;
  /** How long the database may take to answer that. Default 1 s. */
  timeout?: Duration;
}

type Details = Record<string, unknown>;

const DEFAULT_MISSED_POLLS = 4;

/**
 * Whether this process's queue works, for `@nestjs/terminus`: `() => indicator.isHealthy('pgqueue')` for readiness,
 * `() => indicator.isLive('pgqueue')` for liveness. Looks at what the worker has seen, and asks the database nothing unless an
 * option says so.
 * @publicApi
 */
@Injectable()
export class PgQueueHealthIndicator {
  private readonly signs: WorkerSigns;
  private lastPeriodMs = 0;

  constructor(
    events: QueueEvents,
    private readonly registry: TaskHandlerRegistry,
    private readonly queue: QueueService,
    private readonly shards: Shards,
  ) {
    this.signs = new WorkerSigns(events);
  }

  /**
   * Up whenever the process answers, whatever the database does: a restart mends no database.
   * @param key the indicator's name in the answer, default `'pgqueue'`
   */
  async isLive<Key extends string = 'pgqueue'>(key = 'pgqueue' as Key): Promise<PgQueueHealthResult<Key>> {
    return result(key, 'up', { processing: this.signs.state === 'running' });
  }

  /**
   * Up in a process that only pushes. Down when processing was stopped or could not be started, when the server is read-only or
   * its tables do not match, and when no claim has succeeded for several fall-back polls (at least 4 s). Up with `degraded: true`
   * and a `reason` when wake-ups are not heard, or the oldest due task is too old. `slots` says for each kind how many there are
   * and how many are busy.
   * @param key the indicator's name in the answer, default `'pgqueue'`
   * @throws InvalidOptionError for a wrong duration
   */
  async isHealthy<Key extends string = 'pgqueue'>(
    key = 'pgqueue' as Key,
    options: PgQueueHealthOptions = {},
  ): Promise<PgQueueHealthResult<Key>> {
    const { state, lastError } = this.signs;
    if (state === 'failed') {
      const message = 'processing could not be started';
      return result(key, 'down', { processing: false, message, error: lastError });
    }
    if (state === 'idle' || this.registry.getAll().length === 0) {
      return result(key, 'up', { processing: false });
    }
    if (state === 'stopped') {
      return result(key, 'down', { processing: false, message: 'processing is stopped' });
    }
    const problem = this.problem(options);
    return problem === undefined
      ? result(key, 'up', { ...this.details(), ...(await this.degradation(options)) })
      : result(key, 'down', { ...this.details(), ...problem });
  }

  private problem({ maxMissedPolls = DEFAULT_MISSED_POLLS }: PgQueueHealthOptions): Details | undefined {
    const { refusal, silentMs, lastError } = this.signs;
    if (refusal) {
      return { ...refusal };
    }
    const limitMs = Math.max(1000, this.pollPeriod()) * maxMissedPolls;
    return silentMs > limitMs
      ? { message: `no claim has succeeded for ${silentMs} ms`, error: lastError }
      : undefined;
  }

  private details(): Details {
    const slots = this.queue.slots().map(({ name, slots: total, busy }) => [name, { slots: total, busy }]);
    return {
      processing: true,
      kinds: this.registry.getAll().length,
      slots: Object.fromEntries(slots),
      millisecondsSinceLastClaim: this.signs.silentMs,
    };
  }

  private async degradation(options: PgQueueHealthOptions): Promise<Details> {
    const { oldestDueMs, reason } = await this.oldestDue(options);
    const reasons = [
      this.signs.deaf && 'wake-ups are not heard, new tasks wait for the next poll',
      reason,
    ].filter(Boolean);
    return {
      ...(oldestDueMs === undefined ? {} : { oldestDueMs }),
      ...(reasons.length === 0 ? {} : { degraded: true, reason: reasons.join('; ') }),
    };
  }

  private async oldestDue({
    maxOldestDueAge,
    timeout = '1s',
  }: PgQueueHealthOptions): Promise<{ oldestDueMs?: number; reason?: string }> {
    if (maxOldestDueAge === undefined) {
      return {};
    }
    const limitMs = toMilliseconds('maxOldestDueAge', maxOldestDueAge);
    const timeoutMs = toTimerMilliseconds('timeout', timeout, 1);
    try {
      const { database, tasks } = this.shards.all[0]!;
      const kinds = this.registry.getAll().map((handler) => handler.options.kind);
      const oldestDueMs = await inTime(
        timeoutMs,
        database.transaction((run) => tasks.oldestDue(run, kinds, timeoutMs)),
      );
      return oldestDueMs > limitMs
        ? { oldestDueMs, reason: `a task has been due for ${oldestDueMs} ms` }
        : { oldestDueMs };
    } catch (error) {
      return { reason: `the oldest due task is not known: ${errorMessage(error)}` };
    }
  }

  /** The shortest of all kinds; the last good one while a live value fails, which is no matter of health. */
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
