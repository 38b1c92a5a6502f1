import { brand } from '../errors/error-brand.js';
import { errorMessage } from '../errors/error-message.js';
import { PgQueueError } from '../errors/pg-queue.errors.js';

/**
 * Something reached some shards of the queue and not all, or an action some of the tasks that it was for: no transaction spans them,
 * so what was done stays.
 */
export class PartialFailureError<Result = unknown> extends PgQueueError {
  readonly code = 'PGQUEUE_PARTIAL_FAILURE';

  constructor(
    /** Why, by the name of the shard that failed. */
    readonly errors: ReadonlyMap<string, unknown>,
    /** What came of the others: of `pushTasks` a `PushResult` for each task, `failed` where it is not stored. */
    readonly result: Result,
  ) {
    const failures = [...errors].map(([shard, error]) => `shard ${shard}: ${errorMessage(error)}`);
    super(failures.join('; '), { cause: errors.values().next().value });
  }
}

brand({ PartialFailureError });
