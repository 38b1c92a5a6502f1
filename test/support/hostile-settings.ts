import type pg from 'pg';

/** What a role may have that would hurt the queue's own connections. */
export const HOSTILE_SETTINGS: Record<string, string> = {
  search_path: 'other, pg_catalog',
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kolkata',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  row_security: 'off',
  session_replication_role: 'replica',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  idle_session_timeout: '1min',
  transaction_timeout: '1min',
  exit_on_error: 'on',
  client_min_messages: 'error',
  enable_seqscan: 'on',
  enable_bitmapscan: 'on',
  enable_hashjoin: 'on',
  enable_mergejoin: 'on',
  enable_indexscan: 'off',
  enable_indexonlyscan: 'off',
  enable_tidscan: 'off',
  enable_nestloop: 'off',
  enable_sort: 'off',
  jit: 'on',
  plan_cache_mode: 'force_custom_plan',
  statement_timeout: '1234',
  lock_timeout: '1234',
  idle_in_transaction_session_timeout: '1234',
};

/** Those that this server knows. */
export async function giveSettings(
  owner: pg.Client,
  role: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const { rows } = await owner.query<{ name: string }>('SELECT lower(name) AS name FROM pg_settings');
  const known = new Set(rows.map(({ name }) => name));
  for (const [name, value] of Object.entries(settings).filter(([each]) => known.has(each.toLowerCase()))) {
    await owner.query(`ALTER ROLE ${role} SET ${name} = ${name === 'search_path' ? value : `'${value}'`}`);
  }
}
