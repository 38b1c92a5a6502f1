import { PartialFailureError } from '../errors/pg-queue.errors.js';

/** What shards answered, each by itself. */
export interface ShardAnswers<Shard, Answer> {
  readonly answers: ReadonlyMap<Shard, Answer>;
  readonly errors: ReadonlyMap<Shard, unknown>;
}

/** Asks shards at the same time; never rejects. The answers are in the order of the shards, whichever came first. */
export async function askShards<Shard, Answer>(
  shards: readonly Shard[],
  ask: (shard: Shard) => Promise<Answer>,
): Promise<ShardAnswers<Shard, Answer>> {
  const answers = new Map<Shard, Answer>();
  const errors = new Map<Shard, unknown>();
  const askOne = async (shard: Shard) => {
    try {
      answers.set(shard, await ask(shard));
    } catch (error) {
      errors.set(shard, error);
    }
  };
  await Promise.all(shards.map(askOne));
  return { answers: inOrder(shards, answers), errors: inOrder(shards, errors) };
}

function inOrder<Shard, Value>(
  shards: readonly Shard[],
  values: ReadonlyMap<Shard, Value>,
): Map<Shard, Value> {
  return new Map(shards.filter((shard) => values.has(shard)).map((shard) => [shard, values.get(shard)!]));
}

/** Asks one shard after the other to change so many things at most, until that many are changed; never rejects. */
export async function askShardsInTurn<Shard>(
  shards: readonly Shard[],
  limit: number,
  ask: (shard: Shard, left: number) => Promise<number>,
): Promise<ShardAnswers<Shard, number>> {
  let left = limit;
  const answers = new Map<Shard, number>();
  const errors = new Map<Shard, unknown>();
  for (const shard of shards) {
    if (left === 0) {
      break;
    }
    try {
      const count = await ask(shard, left);
      answers.set(shard, count);
      left -= count;
    } catch (error) {
      errors.set(shard, error);
    }
  }
  return { answers, errors };
}

export function sumOf({ answers }: ShardAnswers<unknown, number>): number {
  return [...answers.values()].reduce((sum, count) => sum + count, 0);
}

/**
 * The result, where all shards answered.
 * @param meant how many shards it is of; some may have had nothing more to be asked
 * @throws PartialFailureError with the result of those that did, or, of a single one, its own error
 */
export function resultOf<Shard extends { readonly name: string }, Result>(
  { answers, errors }: ShardAnswers<Shard, unknown>,
  result: Result,
  meant = answers.size + errors.size,
): Result {
  if (errors.size === 0) {
    return result;
  }
  if (meant === 1) {
    throw errors.values().next().value;
  }
  throw new PartialFailureError(new Map([...errors].map(([{ name }, error]) => [name, error])), result);
}
