import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migrate } from '../lib/storage/migrate.js';
import { dropSchemaSql, MIGRATION_LOCK } from '../lib/storage/sql/schema.sql.js';
import { type RunStatement, rowsOf } from '../lib/storage/executor.js';
import { onSafePath } from '../lib/storage/safe-path.js';
import { dataSourceOf, defaultSchemaOf } from '../lib/storage/typeorm-database.js';

const TIMESTAMP = 1795478400000;

/** What TypeORM takes as a migration; written out so that an application without TypeORM needs no types of it. */
export interface PgQueueMigration {
  readonly name: string;
  /** Of a `QueryRunner`. */
  up(queryRunner: any): Promise<void>;
  down(queryRunner: any): Promise<void>;
}

/** Creates the queue's tables in the given schema or the DataSource's own. */
export function createPgQueue(schema?: string): new () => PgQueueMigration {
  const schemaOf = (queryRunner: QueryRunner) => schema ?? defaultSchemaOf(dataSourceOf(queryRunner));

  return class CreatePgQueue1795478400000 implements PgQueueMigration, MigrationInterface {
    readonly name = `CreatePgQueue${schema === undefined ? '' : `_${schema}_`}${TIMESTAMP}`;

    /** Another migrator may have been first, the .sql files may have been used, or a part may be there still. */
    up(queryRunner: QueryRunner): Promise<void> {
      return inTransaction(queryRunner, async (run) => {
        await migrate(run, schemaOf(queryRunner));
      });
    }

    down(queryRunner: QueryRunner): Promise<void> {
      return inTransaction(queryRunner, (run) =>
        onSafePath(run, async () => {
          for (const statement of [MIGRATION_LOCK, ...dropSchemaSql(schemaOf(queryRunner))]) {
            await run(statement, []);
          }
        }),
      );
    }
  };
}

/** Runs all statements or none; in a transaction of its own where TypeORM opens none. */
async function inTransaction(
  queryRunner: QueryRunner,
  work: (run: RunStatement) => Promise<void>,
): Promise<void> {
  const own = !queryRunner.isTransactionActive;
  if (own) {
    await queryRunner.startTransaction();
  }
  try {
    await work(async (sql, parameters) => rowsOf(await queryRunner.query(sql, parameters)));
    if (own) {
      await queryRunner.commitTransaction();
    }
  } catch (error) {
    if (own) {
      await queryRunner.rollbackTransaction();
    }
    throw error;
  }
}
