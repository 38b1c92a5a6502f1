import pg from 'pg';
import { SAFE_PATH } from './sql/path.sql.js';

/**
 * What the queue sets in each session of its own, or behind a pooler in each transaction: it inherits nothing that can hurt, whether
 * ALTER ROLE or ALTER DATABASE says it, the options of the application or its environment. What a server does not know yet is left
 * out. docs/operations.md tells of each.
 */
const SETTINGS = {
  // Nobody else's objects stand in the place of PostgreSQL's.
  search_path: SAFE_PATH,
  // What a text, an array or an operator means.
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  // What a statement does: policies filter rather than fail, triggers and foreign keys hold.
  row_security: 'on',
  session_replication_role: 'origin',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // What ends a session that waits or fails.
  idle_session_timeout: '0',
  transaction_timeout: '0',
  exit_on_error: 'off',
  client_min_messages: 'warning',
  // A queue's table is empty at one moment and holds millions the next: a plan that was cached while it was empty would read all
  // of it. With these every statement walks an index.
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_tidscan: 'on',
  enable_nestloop: 'on',
  enable_sort: 'on',
  jit: 'off',
  plan_cache_mode: 'force_generic_plan',
};

/** The server notices within a quarter of a minute that a client's machine is gone. */
const KEEPALIVES = { tcp_keepalives_idle: '5', tcp_keepalives_interval: '3', tcp_keepalives_count: '3' };

export interface SessionLimits {
  /** How long a statement may take. */
  readonly deadlineMs: number;
  /** How long it may wait for a row that another transaction holds. Default: as long as it may take. */
  readonly lockTimeoutMs?: number;
}

/** The settings of a session of the queue's own. */
export function sessionSettings(limits: SessionLimits): Record<string, string> {
  return { ...transactionSettings(limits), ...KEEPALIVES };
}

/** The settings of a transaction in a session that others use too. */
export function transactionSettings({
  deadlineMs,
  lockTimeoutMs = deadlineMs,
}: SessionLimits): Record<string, string> {
  return {
    ...SETTINGS,
    statement_timeout: String(deadlineMs),
    lock_timeout: String(lockTimeoutMs),
    // No code here waits between two statements: a process that does was halted, and must not hold rows that others have to rescue.
    idle_in_transaction_session_timeout: String(Math.min(deadlineMs, 3000)),
  };
}

/**
 * A statement that sets them, besides those that the server has not, and what only a superuser may set.
 * @param path an expression of the search_path, in place of the queue's own
 */
export function setAll(settings: Readonly<Record<string, string>>, isLocal: boolean, path?: string): string {
  const rows = Object.entries(settings).map(
    ([name, value]) =>
      `(${pg.escapeLiteral(name)}, ${name === 'search_path' && path ? path : pg.escapeLiteral(value)})`,
  );
  return `SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.value, ${isLocal})) FROM (VALUES ${rows.join(', ')}) AS s(name, value)
WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL
  AND (s.name OPERATOR(pg_catalog.<>) 'session_replication_role' OR pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on')`;
}
