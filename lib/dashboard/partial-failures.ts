import { partialResult } from '../cluster/database-results.js';
import type { OfShards } from './dashboard-api.js';
import { errorResponseOf, logFailure } from './error-response.js';
import { LogLimit } from './log-limit.js';

/** Names the shards that failed in what the pages are sent, and logs their errors. */
export class PartialFailures {
  private readonly logLimit = new LogLimit();

  /**
   * The result of the shards that did not fail, because a part of it is better than none.
   * @throws the error of a call that failed as a whole
   */
  async resultOf<T>(call: Promise<T>): Promise<{ result: T } & OfShards> {
    const { result, errors } = await partialResult(call);
    if (errors.size === 0) {
      return { result };
    }
    this.log(errors);
    const missing = [...errors].map(([shard, error]) => ({ shard, ...errorResponseOf(error).body }));
    return { result, missing };
  }

  log(errors: Iterable<readonly [shard: string, error: unknown]>): void {
    for (const [shard, error] of errors) {
      if (this.logLimit.allows(shard)) {
        logFailure(`shard ${shard}`, errorResponseOf(error).status, error);
      }
    }
  }
}
