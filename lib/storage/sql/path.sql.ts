/** Where PostgreSQL looks for what has no schema: among its own objects alone. */
export const SAFE_PATH = 'pg_catalog, pg_temp';

/** Part of a SELECT: the rest of the transaction runs under that path, whatever the application's is. */
export const FIX_PATH = `pg_catalog.set_config('search_path', '${SAFE_PATH}', true)`;

/** The same as a statement. Answers the path that was. */
export const TAKE_PATH = `SELECT pg_catalog.current_setting('search_path') AS path, ${FIX_PATH}`;

/** $1 the path that was: other statements of the same transaction may need it. */
export const RETURN_PATH = `SELECT pg_catalog.set_config('search_path', $1, true)`;
