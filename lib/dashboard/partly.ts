import { PartialFailureError } from '../errors/pg-queue.errors.js';
import type { MissingShard, OfShards } from './dashboard-api.js';
import type { UnreachableLog } from './unreachable-log.js';
import { refusalOf } from './error-response.js';

/**
 * What came of the shards that could be asked, and which could not: part of an answer is better than none.
 * @throws what fails as a whole
 */
export async function partly<T>(asked: Promise<T>, log: UnreachableLog): Promise<{ result: T } & OfShards> {
  try {
    return { result: await asked };
  } catch (error) {
    if (!(error instanceof PartialFailureError)) {
      throw error;
    }
    log.tell(error.errors);
    return {
      result: error.result as T,
      missing: [...error.errors].map(([shard, why]) => missingShard(shard, why)),
    };
  }
}

export function missingShard(shard: string, error: unknown): MissingShard {
  return { shard, message: refusalOf(error).refusal.message };
}
