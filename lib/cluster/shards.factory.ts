import { InvalidOptionError } from '../errors/pg-queue.errors.js';
import type { Instruments } from '../events/instrumentation.js';
import { DatabaseEvents, type QueueEvents } from '../events/queue-events.js';
import type { Database } from '../storage/database.js';
import { PgDatabase } from '../storage/pg-database.js';
import type { ResolvedOptions } from './queue.options.js';
import { Shard } from './shard.js';
import { idPrefixOf } from './shard-name.js';
import { Shards } from './shards.js';

/** Prepares the search for a TypeORM DataSource of this name, and returns the search, which is called on first use. */
export type DataSourceFinder = (name: string) => Promise<() => unknown>;

/** The shards that the options name; without `shards`, the one database of the queue. */
export async function createShards(
  options: ResolvedOptions,
  events: QueueEvents,
  instruments: Instruments,
  findDataSource: DataSourceFinder,
): Promise<Shards> {
  const { shards, schema, dataSource, transactionPooling } = options;
  const create = async (name: string) =>
    new Shard({
      name,
      idPrefix: shards ? idPrefixOf(name) : '',
      schema,
      transactionPooling,
      events: new DatabaseEvents(events, name),
      instruments,
      findDatabase: await databaseFinder(options, name, findDataSource),
    });
  const all = await Promise.all((shards?.names ?? [dataSource]).map(create));
  return new Shards(all, shards && { shardOf: shards.shardOf, draining: new Set(shards.draining) });
}

async function databaseFinder(
  { pool: onlyPool, shards, transactionPooling, readFrom }: ResolvedOptions,
  name: string,
  findDataSource: DataSourceFinder,
): Promise<() => Database> {
  const pool = shards?.pools?.[name] ?? onlyPool;
  const prepares = !transactionPooling;
  const find = pool
    ? () => new PgDatabase(pool, prepares)
    : await typeOrmFinder(findDataSource, name, prepares);
  return readFrom === 'replica' ? () => withReplica(find()) : find;
}

function withReplica(database: Database): Database {
  if (!database.replica) {
    throw new InvalidOptionError(
      'readFrom',
      'replica',
      "must be 'master' where there is no DataSource with `slaves` in its `replication`",
    );
  }
  return database;
}

/** Loads the code for TypeORM only when it is used: an application may not have TypeORM installed. */
async function typeOrmFinder(
  findDataSource: DataSourceFinder,
  name: string,
  prepares: boolean,
): Promise<() => Database> {
  const [find, { TypeOrmDatabase }] = await Promise.all([
    findDataSource(name),
    import('../storage/typeorm-database.js'),
  ]);
  return () => new TypeOrmDatabase(find() as never, prepares);
}
