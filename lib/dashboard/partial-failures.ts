import { partialResult } from '../errors/partial-result.js';
import type { MissingShard, OfShards } from './dashboard-api.js';
import { errorResponseOf, logFailure } from './error-response.js';

/** Open pages repeat their requests every few seconds, so that one line per shard and minute is enough. */
const QUIET_MS = 60_000;

/** Names the shards that failed in what the pages are sent, and logs their errors. */
export class MissingShards {
  private readonly quietUntil = new Map<string, number>();

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
    return { result, missing: [...errors].map(([shard, error]) => missingShard(shard, error)) };
  }

  log(errors: Iterable<readonly [shard: string, error: unknown]>): void {
    for (const [shard, error] of errors) {
      if (performance.now() >= (this.quietUntil.get(shard) ?? 0)) {
        this.quietUntil.set(shard, performance.now() + QUIET_MS);
        logFailure(`shard ${shard}`, errorResponseOf(error).status, error);
      }
    }
  }
}

export function missingShard(shard: string, error: unknown): MissingShard {
  return { shard, message: errorResponseOf(error).body.message };
}
