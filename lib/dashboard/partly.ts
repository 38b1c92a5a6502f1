import { ShardsFailedError } from '../errors/pg-queue.errors.js';
import type { MissingShard, OfShards } from './dashboard-api.js';
import type { MissingLog } from './missing-log.js';
import { refusalOf } from './refusal.js';

/**
 * What came of the shards that could be asked, and which could not: part of an answer is better than none.
 * @throws what fails as a whole
 */
export async function partly<T>(asked: Promise<T>, log: MissingLog): Promise<{ result: T } & OfShards> {
  try {
    return { result: await asked };
  } catch (error) {
    if (!(error instanceof ShardsFailedError)) {
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
