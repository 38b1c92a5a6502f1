import { PartialFailureError } from './partial-failure.error.js';

/** What a call of several shards returned, and why it failed in others. */
export interface ShardResults<Shard, Result> {
  readonly results: ReadonlyMap<Shard, Result>;
  readonly errors: ReadonlyMap<Shard, unknown>;
}

/** Calls shards at the same time; never rejects. The results are in the order of the shards, whichever came first. */
export async function callShards<Shard, Result>(
  shards: readonly Shard[],
  call: (shard: Shard) => Promise<Result>,
): Promise<ShardResults<Shard, Result>> {
  const results = new Map<Shard, Result>();
  const errors = new Map<Shard, unknown>();
  const callOne = async (shard: Shard) => {
    try {
      results.set(shard, await call(shard));
    } catch (error) {
      errors.set(shard, error);
    }
  };
  await Promise.all(shards.map(callOne));
  return { results: inOrder(shards, results), errors: inOrder(shards, errors) };
}

function inOrder<Shard, Value>(
  shards: readonly Shard[],
  values: ReadonlyMap<Shard, Value>,
): Map<Shard, Value> {
  return new Map(shards.filter((shard) => values.has(shard)).map((shard) => [shard, values.get(shard)!]));
}

/** Calls one shard after the other to change at most `limit` things, until that many are changed; never rejects. */
export async function callShardsInTurn<Shard>(
  shards: readonly Shard[],
  limit: number,
  call: (shard: Shard, left: number) => Promise<number>,
): Promise<ShardResults<Shard, number>> {
  let left = limit;
  const results = new Map<Shard, number>();
  const errors = new Map<Shard, unknown>();
  for (const shard of shards) {
    if (left === 0) {
      break;
    }
    try {
      const count = await call(shard, left);
      results.set(shard, count);
      left -= count;
    } catch (error) {
      errors.set(shard, error);
    }
  }
  return { results, errors };
}

export function sumOf({ results }: ShardResults<unknown, number>): number {
  return [...results.values()].reduce((sum, count) => sum + count, 0);
}

/**
 * The result of a call that no shard failed.
 * @param meant how many shards the call is for; some may not have been called, since nothing was left to do
 * @throws PartialFailureError with the result of the other shards; where the call is for a single shard, the shard's own error
 */
export function resultOf<Shard extends { readonly name: string }, Result>(
  { results, errors }: ShardResults<Shard, unknown>,
  result: Result,
  meant = results.size + errors.size,
): Result {
  if (errors.size === 0) {
    return result;
  }
  if (meant === 1) {
    throw errors.values().next().value;
  }
  throw new PartialFailureError(new Map([...errors].map(([{ name }, error]) => [name, error])), result);
}
