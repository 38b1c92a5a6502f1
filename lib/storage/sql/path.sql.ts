import pg from 'pg';

/** Where PostgreSQL looks for what has no schema: among its own objects alone. */
export const SAFE_PATH = 'pg_catalog, pg_temp';

/**
 * The path of what writes to the task table: functions of the application's triggers there find its tables as they do elsewhere, behind
 * PostgreSQL's own objects. It is to be qualified. @param task quoted
 */
export const writersPath = (task: string) => `CASE WHEN EXISTS (
    SELECT FROM pg_catalog.pg_trigger g
    WHERE g.tgrelid = to_regclass(${pg.escapeLiteral(task)}) AND NOT g.tgisinternal AND g.tgname <> 'pgqueue_ring')
  THEN concat_ws(', ', 'pg_catalog', CASE WHEN current_setting('search_path') <> '' THEN current_setting('search_path') END, 'pg_temp')
  ELSE '${SAFE_PATH}' END`;

/** Part of a SELECT: the rest of the transaction runs under that path, whatever the application's is. */
export const FIX_PATH = `pg_catalog.set_config('search_path', '${SAFE_PATH}', true)`;

/** The same as a statement. Answers the path that was. */
export const TAKE_PATH = `SELECT pg_catalog.current_setting('search_path') AS path, ${FIX_PATH}`;

/** $1 the path that was: other statements of the same transaction may need it. */
export const RETURN_PATH = `SELECT pg_catalog.set_config('search_path', $1, true)`;
