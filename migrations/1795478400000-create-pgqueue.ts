import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createSchemaSql, dropSchemaSql, MIGRATION_LOCK } from '../lib/storage/sql/schema.sql.js';
import { schemaVersion } from '../lib/storage/schema-check.js';
import { rowsOf } from '../lib/storage/executor.js';
import { dataSourceOf, defaultSchemaOf } from '../lib/storage/typeorm-database.js';

const TIMESTAMP = 1795478400000;

/** Creates the queue's tables, version 1, in the given schema or the DataSource's own. */
export function createPgQueue(schema?: string): new () => MigrationInterface {
  return class CreatePgQueue1795478400000 implements MigrationInterface {
    readonly name = `CreatePgQueue${schema === undefined ? '' : `_${schema}_`}${TIMESTAMP}`;

    async up(queryRunner: QueryRunner): Promise<void> {
      const target = schema ?? defaultSchemaOf(dataSourceOf(queryRunner));
      await queryRunner.query(MIGRATION_LOCK);
      // Another migrator may have been first, and the .sql files may have been used.
      if (
        (await schemaVersion(
          async (sql, parameters) => rowsOf(await queryRunner.query(sql, parameters)),
          target,
        )) === 1
      ) {
        return;
      }
      for (const statement of createSchemaSql(target)) {
        await queryRunner.query(statement);
      }
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      for (const statement of dropSchemaSql(schema ?? defaultSchemaOf(dataSourceOf(queryRunner)))) {
        await queryRunner.query(statement);
      }
    }
  };
}
