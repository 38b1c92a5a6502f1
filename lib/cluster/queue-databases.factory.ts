import { check } from '../errors/check.js';
import type { Instruments } from '../events/instrumentation.js';
import { DatabaseEvents, type QueueEvents } from '../events/queue-events.js';
import type { Database } from '../storage/database.js';
import { PgDatabase } from '../storage/pg-database.js';
import type { ResolvedOptions } from './queue.options.js';
import { QueueDatabase } from './queue-database.js';
import { idPrefixOf } from './shard-name.js';
import { QueueDatabases } from './queue-databases.js';

/** Prepares the search for a TypeORM DataSource of this name, and returns the search, which is called on first use. */
export type DataSourceFinder = (name: string) => Promise<() => unknown>;

/** The databases that the option `shards` names; without it, the only one of the queue. */
export async function createDatabases(
  options: ResolvedOptions,
  events: QueueEvents,
  instruments: Instruments,
  findDataSource: DataSourceFinder,
): Promise<QueueDatabases> {
  const { shards, schema, dataSource, transactionPooling } = options;
  const create = async (name: string) =>
    new QueueDatabase({
      name,
      idPrefix: shards ? idPrefixOf(name) : '',
      schema,
      transactionPooling,
      events: new DatabaseEvents(events, name),
      instruments,
      findDatabase: await databaseFinder(options, name, findDataSource),
    });
  const all = await Promise.all((shards?.names ?? [dataSource]).map(create));
  return new QueueDatabases(all, shards);
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
    : await typeOrmFinder(findDataSource(name), prepares);
  return () => {
    const database = find();
    const problem = "must be 'master' where there is no DataSource with `slaves` in its `replication`";
    check(readFrom === 'master' || database.replica, 'readFrom', readFrom, problem);
    return database;
  };
}

/** Loads the code for TypeORM only when it is used: an application may not have TypeORM installed. */
async function typeOrmFinder(finding: Promise<() => unknown>, prepares: boolean): Promise<() => Database> {
  const find = await finding;
  const { TypeOrmDatabase } = await import('../storage/typeorm-database.js');
  return () => new TypeOrmDatabase(find() as never, prepares);
}
