import { SchemaMismatchError } from '../errors/pg-queue.errors.js';
import type { RunStatement } from './executor.js';
import { CHECK_VISIBILITY, USED_TABLES } from './sql/visibility.sql.js';

/** The server takes no writes: a standby, or one that an operator has closed for a while. */
export class ReadOnlyServerError extends SchemaMismatchError {}

/**
 * Finds causes for which no statement fails: each would succeed, see nothing and change nothing.
 * @throws SchemaMismatchError that says how to fix it
 */
export async function checkVisibility(run: RunStatement, schema: string): Promise<void> {
  const [found] = await run(CHECK_VISIBILITY, [schema, USED_TABLES]);
  const { role, standby, read_only: readOnly, no_tables: noTables, hidden, elsewhere } = found!;
  const fail = (text: string) => new SchemaMismatchError(`schema "${schema}": ${text}`);
  if (noTables) {
    throw fail(`${String(noTables)} must be a table of the queue; put the table back in its place`);
  }
  if (elsewhere) {
    throw fail(
      `the queue's tables are missing, there are some in schema "${String(elsewhere)}"; add pgQueueMigrations to the migrations of your DataSource and run them, or set the option schema`,
    );
  }
  if (hidden) {
    throw fail(
      `row level security hides rows of ${String(hidden)} from role "${String(role)}"; ALTER ROLE "${String(role)}" BYPASSRLS, disable it on the queue's tables, or add a policy for the role: FOR ALL USING (true)`,
    );
  }
  if (isTrue(standby)) {
    throw new ReadOnlyServerError(
      `schema "${schema}": the server is a standby, which takes no writes; connect to the primary`,
    );
  }
  if (isTrue(readOnly)) {
    throw new ReadOnlyServerError(
      `schema "${schema}": transactions of role "${String(role)}" are read-only here; set default_transaction_read_only to off for the role or the database`,
    );
  }
}

/** True as a boolean, or as the text that the queue's own connections return for every value. */
function isTrue(value: unknown): boolean {
  return value === true || value === 't';
}
