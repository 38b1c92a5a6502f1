import { Logger } from '@nestjs/common';
import { describeAction } from '../events/action-record.js';
import { oneLine } from '../errors/one-line.js';
import type { InShard, QueueEvent } from '../events/queue-events.js';
import { sqlState } from '../errors/sql-state.js';
import { LineRateLimit } from './line-rate-limit.js';
import { errorMessage } from '../errors/error-message.js';
import { refusalText } from '../inspect/refusal.js';

/** Lines about the same thing are written at most this often; the lines between are counted. */
const REPEAT_AFTER_MS = 10_000;

/** Writes the events that operators need to Nest's logger, without payloads, and with a bounded number of lines. */
export class QueueLogger {
  private readonly logger = new Logger('PgQueue');
  private readonly refusals = new LineRateLimit((level, line) => this.write(level, line));
  private readonly lastLines = new Map<string, { at: number; suppressed: number }>();

  /** @param namesShards whether lines say in which shard something happened */
  constructor(private readonly namesShards = false) {}

  readonly onEvent = (event: QueueEvent): void => {
    switch (event.type) {
      case 'started':
        return this.write(
          'log',
          event.kinds.length === 0
            ? 'no handlers: this process only pushes'
            : `processing ${event.kinds.map(({ name, workerCount }) => `${name} (${workerCount})`).join(', ')}`,
        );
      case 'stopped':
        return this.write(
          'log',
          event.released > 0 ? `stopped; ${event.released} unfinished tasks were given back` : 'stopped',
        );
      case 'attempt-settled':
        return this.onSettled(event);
      case 'handler-abandoned':
        return this.bounded(
          `abandoned ${event.kind}`,
          'warn',
          `${event.name}: task ${event.id} goes on after its time-out (${event.abandoned} such bodies)`,
        );
      case 'lease-lost':
        return this.write(
          'error',
          `${this.in(event)}this worker process was declared dead (lease ${event.leaseId}); ${event.running} running attempts were aborted`,
        );
      case 'tasks-rescued':
        return this.write(
          'warn',
          `${this.in(event)}${event.name}: rescued ${event.count} tasks of lost worker ${event.worker}${event.exhausted > 0 ? `; ${event.exhausted} of them have no attempts left` : ''}`,
        );
      case 'tasks-released':
        return this.write(
          'warn',
          `${this.in(event)}${event.name}: released ${event.count} tasks that this process held and did not run (the answer of a claim was lost, or the server was restored)`,
        );
      case 'task-refused':
        return this.refusals.write(
          'error',
          `${this.in(event)}${event.name}: task ${event.id}: ${refusalText(event.step, describe(event.error))}${event.retryInMs === null ? '' : `; try ${event.tries + 1} in ${event.retryInMs / 1000} s`}`,
        );
      case 'task-accepted':
        return this.refusals.write(
          'log',
          `${this.in(event)}${event.name}: task ${event.id}: the database has stopped refusing (${event.step})`,
        );
      case 'kind-paused':
        return this.write('warn', `${this.in(event)}${event.name}: paused in the whole cluster`);
      case 'kind-resumed':
        return this.write('log', `${this.in(event)}${event.name}: resumed`);
      case 'swept':
        return this.write(
          'warn',
          `${this.in(event)}the sweep found ${event.count} tasks behind the cursor: a cancel that was rolled back, foreign SQL, or a bug`,
        );
      case 'connection-failed':
        return this.bounded(
          `failed ${event.shard} ${event.role}`,
          'error',
          `${this.in(event)}${event.role}: ${describe(event.error)}`,
        );
      case 'suspended':
        return this.write('log', `${this.in(event)}nothing to do: the database is asked nothing for now`);
      case 'connection-restored':
        return this.write('log', `${this.in(event)}${event.role}: connection restored`);
      case 'event-loop-blocked':
        return this.bounded(
          'event loop',
          'warn',
          `the event loop was blocked for ${event.blockedMs} ms: without a heartbeat for ${event.leaseTimeoutMs} ms this process is declared dead. Move CPU-bound work to a thread`,
        );
      case 'action-taken':
        return this.write(
          event.error === undefined ? 'log' : 'warn',
          `${describeAction(event)}${event.error === undefined ? '' : `; failed: ${describe(event.error)}`}`,
        );
      case 'option-invalid':
        return this.bounded(`option ${event.kind}`, 'error', `${event.name}: ${describe(event.error)}`);
      case 'subscriber-failed':
        return this.bounded('subscriber', 'error', `an event listener failed: ${describe(event.error)}`);
      default:
    }
  };

  private onSettled(event: Extract<QueueEvent, { type: 'attempt-settled' }>): void {
    const { kind, as, exhausted } = event;
    const attempt = `${event.name}: task ${event.id}, attempt ${event.attempt}`;
    if (as === 'lost') {
      this.bounded(`lost ${kind}`, 'warn', `${attempt}: its lease was lost, its outcome was discarded`);
    } else if (as === 'failed' || exhausted) {
      // An ignored failure is logged when it was the last attempt, because the task is exhausted then.
      const line = `${attempt} failed: ${describe(event.error)}`;
      return exhausted
        ? this.bounded(`exhausted ${kind}`, 'error', `${line}; no attempts are left`)
        : this.bounded(`task ${kind}`, 'warn', line);
    }
  }

  private in({ shard }: InShard): string {
    return this.namesShards ? `shard ${shard}: ` : '';
  }

  private write(level: 'log' | 'warn' | 'error', line: string): void {
    this.logger[level](oneLine(line));
  }

  private bounded(sort: string, level: 'warn' | 'error', line: string): void {
    const now = performance.now();
    const last = this.lastLines.get(sort);
    if (last && now - last.at < REPEAT_AFTER_MS) {
      last.suppressed++;
      return;
    }
    this.lastLines.set(sort, { at: now, suppressed: 0 });
    this.write(level, last?.suppressed ? `${line} (${last.suppressed} more since the last line)` : line);
  }
}

/** The message of any thrown value, shortened, with its SQLSTATE. */
function describe(error: unknown): string {
  const state = sqlState(error);
  const message = errorMessage(error).slice(0, 500);
  return state ? `${message} (${state})` : message;
}
