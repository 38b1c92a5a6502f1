import type { RunStatement } from './executor.js';
import { RETURN_PATH, TAKE_PATH } from './sql/path.sql.js';

/**
 * Runs statements of a transaction under a search_path that has PostgreSQL's objects alone; later statements have their own path again.
 */
export async function onSafePath<T>(run: RunStatement, work: () => Promise<T>): Promise<T> {
  const [before] = await run(TAKE_PATH, []);
  const result = await work();
  await run(RETURN_PATH, [before!['path']]);
  return result;
}
