import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createSchemaSql, dropSchemaSql, MIGRATION_LOCK } from '../lib/storage/sql/schema.sql.js';
import { schemaVersion } from '../lib/storage/schema-check.js';
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

/** Creates the queue's tables, version 1, in the given schema or the DataSource's own. */
export function createPgQueue(schema?: string): new () => PgQueueMigration {
  const schemaOf = (queryRunner: QueryRunner) => schema ?? defaultSchemaOf(dataSourceOf(queryRunner));

  return class CreatePgQueue1795478400000 implements PgQueueMigration, MigrationInterface {
    readonly name = `CreatePgQueue${schema === undefined ? '' : `_${schema}_`}${TIMESTAMP}`;

    up(queryRunner: QueryRunner): Promise<void> {
      return locked(queryRunner, async () => {
        const target = schemaOf(queryRunner);
        // Another migrator may have been first, and the .sql files may have been used.
        const version = await schemaVersion(runOn(queryRunner), target);
        return version === 1 ? [] : createSchemaSql(target);
      });
    }

    down(queryRunner: QueryRunner): Promise<void> {
      return locked(queryRunner, async () => dropSchemaSql(schemaOf(queryRunner)));
    }
  };
}

function runOn(queryRunner: QueryRunner): RunStatement {
  return async (sql, parameters) => rowsOf(await queryRunner.query(sql, parameters));
}

/** Runs all statements or none, one migrator after the other; in a transaction of its own where TypeORM opens none. */
async function locked(queryRunner: QueryRunner, statements: () => Promise<string[]>): Promise<void> {
  const own = !queryRunner.isTransactionActive;
  if (own) {
    await queryRunner.startTransaction();
  }
  try {
    await onSafePath(runOn(queryRunner), async () => {
      await queryRunner.query(MIGRATION_LOCK);
      for (const statement of await statements()) {
        await queryRunner.query(statement);
      }
    });
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
