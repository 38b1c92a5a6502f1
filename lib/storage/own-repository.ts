import type { TextRow } from './connection-options.js';
import type { ControlPool } from './control-pool.js';
import type { QueueSql } from './sql/index.js';

/** A statement that has its name in `QueueSql` and among the prepared ones of a connection. */
export type StatementName = {
  [Name in keyof QueueSql]: QueueSql[Name] extends string ? Name : never;
}[keyof QueueSql];

/** Runs statements of the queue on connections of its own, where each is prepared under its name. */
export abstract class OwnRepository {
  constructor(
    protected readonly pool: ControlPool,
    protected readonly sql: QueueSql,
  ) {}

  protected query(name: StatementName, parameters: unknown[] = []): Promise<TextRow[]> {
    return this.pool.query(name, this.sql[name], parameters);
  }
}

/** The list that a row has as JSON in this column; empty where that is null, or there is no row. */
export function listIn<Item>(row: TextRow | undefined, column: string): Item[] {
  return JSON.parse(row?.[column] ?? '[]') as Item[];
}
