import { isPool, type PgPool } from '../storage/executor.js';
import { assertShardName } from './shard-name.js';
import type { ShardKey } from '../task/transaction.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** How the application spreads its data, and with them its tasks, over several databases. */
export interface ShardsOptions {
  /** The shards: each is a DataSource of this name, with tables of its own. */
  names: readonly string[];
  /** The name of the shard to which the data of a key belong: the same in every process, and as long as the data are there. */
  shardOf: (key: ShardKey) => string;
  /** Pools of `pg` by the name of the shard, in place of TypeORM's DataSources. */
  pools?: Readonly<Record<string, PgPool>>;
  /** Shards that take no new tasks: they are served until they are empty, and can be removed then. */
  draining?: readonly string[];
}

const OPTIONS: ReadonlySet<string> = new Set<keyof ShardsOptions>(['names', 'shardOf', 'pools', 'draining']);

/** @throws InvalidOptionError that names the option and the value. */
export function checkShards(field: string, value: unknown): void {
  assert(isObject(value), field, value, 'must be an object with `names` and `shardOf`');
  const unknown = Object.entries(value).find(([name]) => !OPTIONS.has(name));
  assert(!unknown, `${field}.${unknown?.[0]}`, unknown?.[1], 'is not an option of shards');
  const { names, shardOf, pools, draining = [] } = value as Partial<ShardsOptions>;
  checkNames(`${field}.names`, names);
  assert(typeof shardOf === 'function', `${field}.shardOf`, shardOf, 'must be a function');
  assert(Array.isArray(draining), `${field}.draining`, draining, 'must be an array');
  draining.forEach((name, index) =>
    assert(names.includes(name), `${field}.draining[${index}]`, name, 'must be one of the names'),
  );
  if (pools !== undefined) {
    checkPools(`${field}.pools`, pools, names);
  }
}

function checkNames(field: string, names: unknown): asserts names is readonly string[] {
  assert(Array.isArray(names) && names.length > 0, field, names, 'must be an array of at least one name');
  for (const [index, name] of names.entries()) {
    assertShardName(`${field}[${index}]`, name);
    assert(names.indexOf(name) === index, `${field}[${index}]`, name, 'must be there once');
  }
}

function checkPools(field: string, pools: unknown, names: readonly string[]): void {
  assert(isObject(pools), field, pools, 'must be an object of pools by the name of the shard');
  for (const name of names) {
    const pool = (pools as Record<string, unknown>)[name];
    assert(isObject(pool) && isPool(pool), `${field}.${name}`, pool, 'must be a Pool of pg');
  }
  for (const [name, pool] of Object.entries(pools)) {
    assert(names.includes(name), `${field}.${name}`, pool, 'must be of one of the names');
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function assert(condition: unknown, field: string, value: unknown, problem: string): asserts condition {
  if (!condition) {
    throw new InvalidOptionError(field, value, problem);
  }
}
