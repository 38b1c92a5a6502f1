import { checkCount } from '../../errors/check.js';
import { InvalidTaskError } from '../../errors/pg-queue.errors.js';
import { externalKeyOf } from '../../producer/task-drafter.js';
import { mayBeRowError } from '../../storage/sql-state.js';
import { MAX_ATTEMPTS } from '../../task/kind-options.js';
import type { RetryOptions, ShardOptions } from '../../task/task.js';
import type { KindRef } from '../../task/task-definition.js';
import { callDatabases, callInTurn, resultOf } from '../database-results.js';
import type { ShardHints } from '../queue-databases.js';
import { runnerIn, transactionOf, withOutcome } from './caller-transaction.js';
import type { QueuePusherDeps } from './queue-pusher.js';
import { retryInParts } from './retry-in-parts.js';
import { shardKeyOf } from './sharded-push.js';

const DEFAULT_RETRY_LIMIT = 1000;

/** Cancels and retries stored tasks for the application, in the databases that they are in. */
export class QueueChanges {
  constructor(
    private readonly deps: Pick<QueuePusherDeps, 'databases' | 'registry' | 'ambientTransaction'>,
  ) {}

  /** @throws as `QueueService.cancelTaskByKey` */
  async cancelByKey(kind: KindRef, externalKey: string, options: ShardOptions): Promise<boolean> {
    const key = externalKeyOf('externalKey', externalKey);
    if (key === null) {
      throw new InvalidTaskError('externalKey', externalKey, 'must be a string');
    }
    const { databases, registry } = this.deps;
    const { kind: number, name } = registry.optionsOf(kind);
    const hints = this.hintsOf(options);
    const asked = await callDatabases(databases.routeChange(hints), async (source) => {
      const cancel = () => source.cancelByKey(runnerIn(source, hints.transaction), number, key);
      const cancelled = await withOutcome('change', cancel, hints.transaction);
      if (cancelled) {
        source.events.emit({ type: 'task-cancelled', kind: number, name });
      }
      return cancelled;
    });
    return resultOf(asked, [...asked.results.values()].includes(true));
  }

  /** @throws as `QueueService.retryTasks` */
  async retry(kind: KindRef, options: RetryOptions): Promise<number> {
    const { databases, registry } = this.deps;
    const known = registry.optionsOf(kind);
    const { attempts = known.maxAttempts, limit = DEFAULT_RETRY_LIMIT } = options;
    checkCount('attempts', attempts, MAX_ATTEMPTS);
    checkCount('limit', limit, Number.MAX_SAFE_INTEGER);
    const { kind: number, name } = known;
    const hints = this.hintsOf(options);
    const asked = await callInTurn(databases.routeChange(hints), limit, async (source, left) => {
      const run = runnerIn(source, hints.transaction);
      const retry = () => source.tasks.retryExhausted(run, number, attempts, left);
      const count = await withOutcome('change', retry, hints.transaction).catch((error: unknown) => {
        // What has failed within the caller's transaction is the caller's to roll back.
        if (hints.transaction || !mayBeRowError(error)) {
          throw error;
        }
        return retryInParts(source, known, attempts, left, error);
      });
      if (count > 0) {
        source.events.emit({ type: 'tasks-retried', kind: number, name, count });
      }
      return count;
    });
    return resultOf(asked, asked.changed);
  }

  private hintsOf(options: ShardOptions): ShardHints {
    return {
      transaction: transactionOf(options, this.deps.ambientTransaction),
      shardKey: shardKeyOf('shardKey', options.shardKey),
    };
  }
}
