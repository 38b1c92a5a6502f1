import type { ShardKey } from 'nestjs-pgqueue';

/** What an operator sets, the same for every process, and changes by a rolling restart. */
export interface ShardSettings {
  /** The databases, by the names of their shards. */
  urls: Readonly<Record<string, string>>;
  /** Where the customers of a shard went that is to be removed. */
  movedTo: Readonly<Record<string, string>>;
  /** Shards that take no new tasks. */
  draining: readonly string[];
}

/** A customer's id begins with the shard that took new customers when this one came: `eu-2:42`. */
export function shardOf(customerId: ShardKey, { movedTo }: ShardSettings): string {
  const home = String(customerId).split(':')[0]!;
  return movedTo[home] ?? home;
}
