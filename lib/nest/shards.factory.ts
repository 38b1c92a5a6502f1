import type { ModuleRef } from '@nestjs/core';
import type { ResolvedOptions } from '../cluster/queue.options.js';
import { Shard } from '../cluster/shard.js';
import { Shards } from '../cluster/shards.js';
import type { Database } from '../storage/database.js';
import { PgDatabase } from '../storage/pg-database.js';
import type { Instruments } from '../events/instrumentation.js';
import { type QueueEvents, DatabaseEvents } from '../events/queue-events.js';
import { idPrefixOf } from '../cluster/shard-name.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** The shards that the options name; without `shards` the one database that the queue works in. */
export async function createShards(
  options: ResolvedOptions,
  events: QueueEvents,
  instruments: Instruments,
  moduleRef: ModuleRef,
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
      findDatabase: await databaseFinder(options, name, moduleRef),
    });
  const all = await Promise.all((shards?.names ?? [dataSource]).map(create));
  return new Shards(all, shards && { shardOf: shards.shardOf, draining: new Set(shards.draining) });
}

async function databaseFinder(
  { pool: lone, shards, transactionPooling, readFrom }: ResolvedOptions,
  name: string,
  moduleRef: ModuleRef,
): Promise<() => Database> {
  const pool = shards?.pools?.[name] ?? lone;
  const prepares = !transactionPooling;
  const find = pool ? () => new PgDatabase(pool, prepares) : await typeOrmFinder(moduleRef, name, prepares);
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

/** Loaded only where it is used: an application may have no TypeORM. */
async function typeOrmFinder(moduleRef: ModuleRef, name: string, prepares: boolean): Promise<() => Database> {
  const [{ getDataSourceToken }, { TypeOrmDatabase }] = await Promise.all([
    import('@nestjs/typeorm').catch(refuseWithoutTypeOrm),
    import('../storage/typeorm-database.js'),
  ]);
  return () => {
    let dataSource;
    try {
      dataSource = moduleRef.get(getDataSourceToken(name), { strict: false });
    } catch {
      throw new InvalidOptionError(
        'dataSource',
        name,
        'must be the name of a DataSource of TypeOrmModule.forRoot',
      );
    }
    return new TypeOrmDatabase(dataSource as never, prepares);
  };
}

/** The packages as `import` and as `require` say that they are missing. */
const MISSING = new Set<unknown>(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

function refuseWithoutTypeOrm(error: unknown): never {
  if (!MISSING.has((error as { code?: unknown }).code)) {
    throw error;
  }
  throw new InvalidOptionError(
    'pool',
    undefined,
    'must be a Pool of pg where @nestjs/typeorm and typeorm are not installed',
  );
}
