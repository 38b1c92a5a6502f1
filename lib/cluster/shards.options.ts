import { isPool, type PgPool } from '../storage/executor.js';
import { assertShardName } from './shard-name.js';
import type { ShardKey } from '../task/task.js';
import { check, checkOptionNames, isObject } from '../errors/check.js';

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

const OPTIONS: readonly (keyof ShardsOptions)[] = ['names', 'shardOf', 'pools', 'draining'];

/** @throws InvalidOptionError that names the option and the value. */
export function checkShards(field: string, value: unknown): void {
  check(isObject(value), field, value, 'must be an object with `names` and `shardOf`');
  checkOptionNames(value, OPTIONS, 'shards', `${field}.`);
  const { names, shardOf, pools, draining = [] } = value as Partial<ShardsOptions>;
  checkNames(`${field}.names`, names);
  check(typeof shardOf === 'function', `${field}.shardOf`, shardOf, 'must be a function');
  check(Array.isArray(draining), `${field}.draining`, draining, 'must be an array');
  draining.forEach((name, index) =>
    check(names.includes(name), `${field}.draining[${index}]`, name, 'must be one of the names'),
  );
  if (pools !== undefined) {
    checkPools(`${field}.pools`, pools, names);
  }
}

function checkNames(field: string, names: unknown): asserts names is readonly string[] {
  check(Array.isArray(names) && names.length > 0, field, names, 'must be an array of at least one name');
  for (const [index, name] of names.entries()) {
    assertShardName(`${field}[${index}]`, name);
    check(names.indexOf(name) === index, `${field}[${index}]`, name, 'must be given once');
  }
}

function checkPools(field: string, pools: unknown, names: readonly string[]): void {
  check(isObject(pools), field, pools, 'must be an object of pools by the name of the shard');
  for (const name of names) {
    const pool = (pools as Record<string, unknown>)[name];
    check(isObject(pool) && isPool(pool), `${field}.${name}`, pool, 'must be a Pool of pg');
  }
  for (const [name, pool] of Object.entries(pools)) {
    check(names.includes(name), `${field}.${name}`, pool, 'must be of one of the names');
  }
}
