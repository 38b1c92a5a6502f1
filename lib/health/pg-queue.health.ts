import { Injectable } from '@nestjs/common';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { errorMessage } from '../task/error-message.js';
import { type QueueEvent, QueueEvents } from '../task/queue-events.js';

/** What Terminus expects of an indicator; written out, so that the core needs no Terminus. */
export type PgQueueHealthResult<Key extends string = string> = Record<
  Key,
  { status: 'up' | 'down' } & Record<string, unknown>
>;

/** How patient `isHealthy` is. */
export interface PgQueueHealthOptions {
  /** So many fall-back polls without a successful claim mean that the queue is down. Default 4. */
  maxMissedPolls?: number;
}

const DEFAULT_MISSED_POLLS = 4;

/**
 * Whether this process's queue works, for `@nestjs/terminus`: `() => indicator.isHealthy('pgqueue')`.
 * Looks at what the worker has seen, and asks the database nothing.
 * @publicApi
 */
@Injectable()
export class PgQueueHealthIndicator {
  private state: 'idle' | 'running' | 'stopped' = 'idle';
  private lastSignAt = 0;
  private lastError: string | undefined;
  private lastPeriodMs = 0;
  /** Whether the last heartbeat failed. */
  private cutOff = false;

  constructor(
    events: QueueEvents,
    private readonly registry: TaskHandlerRegistry,
  ) {
    events.subscribe((event) => this.onEvent(event));
  }

  /**
   * Up in a process that only pushes; down when processing was stopped, or no claim has succeeded for several fall-back polls
   * (at least 4 s).
   * @param key the indicator's name in the answer, default `'pgqueue'`
   */
  async isHealthy<Key extends string = 'pgqueue'>(
    key = 'pgqueue' as Key,
    options: PgQueueHealthOptions = {},
  ): Promise<PgQueueHealthResult<Key>> {
    const handlers = this.registry.getAll();
    if (this.state === 'idle' || handlers.length === 0) {
      return result(key, 'up', { processing: false });
    }
    if (this.state === 'stopped') {
      return result(key, 'down', { processing: false, message: 'processing is stopped' });
    }
    const period = this.pollPeriod(handlers);
    const silentMs = Math.round(performance.now() - this.lastSignAt);
    const limitMs = Math.max(1000, period) * (options.maxMissedPolls ?? DEFAULT_MISSED_POLLS);
    const details = { processing: true, kinds: handlers.length, millisecondsSinceLastClaim: silentMs };
    return silentMs <= limitMs
      ? result(key, 'up', details)
      : result(key, 'down', {
          ...details,
          message: `no claim has succeeded for ${silentMs} ms`,
          error: this.lastError,
        });
  }

  /** The shortest of all kinds; the last good one while a live value fails, which is no matter of health. */
  private pollPeriod(handlers: ReturnType<TaskHandlerRegistry['getAll']>): number {
    try {
      this.lastPeriodMs = Math.min(...handlers.map(({ options }) => options.fetcherPeriodMs()));
    } catch {
      // The worker reports it.
    }
    return this.lastPeriodMs;
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'started':
        this.state = 'running';
        this.cutOff = false;
        this.onSign();
        break;
      case 'stopped':
        this.state = 'stopped';
        break;
      case 'claimed':
        this.onSign();
        break;
      case 'saturated':
        // Full slots ask the database nothing, but the heartbeat does.
        if (!this.cutOff) {
          this.onSign();
        }
        break;
      case 'connection-failed':
        this.lastError = errorMessage(event.error);
        this.cutOff ||= event.role === 'heartbeat';
        break;
      case 'connection-restored':
        this.cutOff &&= event.role !== 'heartbeat';
        break;
      default:
    }
  }

  private onSign(): void {
    this.lastSignAt = performance.now();
    this.lastError = undefined;
  }
}

function result<Key extends string>(
  key: Key,
  status: 'up' | 'down',
  details: Record<string, unknown>,
): PgQueueHealthResult<Key> {
  return { [key]: { status, ...details } } as PgQueueHealthResult<Key>;
}
