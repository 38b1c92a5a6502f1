import type { QueueDatabase } from '../queue-database.js';
import { isolateRows } from '../../storage/isolate-rows.js';
import type { KindName } from '../../task/task-name.js';

/** So many times other tasks are looked for, instead of those that could not be retried. */
const MOST_ROUNDS = 5;

/**
 * Retries tasks though the database refuses to change some of them: these are skipped, and an event names each.
 * @param error why one statement for all tasks failed
 * @throws that error, where the database refuses all tasks
 */
export async function retryInParts(
  source: QueueDatabase,
  { kind, name }: KindName,
  attempts: number,
  limit: number,
  error: unknown,
): Promise<number> {
  const { database, events, tasks } = source;
  const { run } = database;
  const passedOver: string[] = [];
  let count = 0;
  const retry = async (ids: readonly string[]) => {
    const retried = await tasks.retrySome(run, ids, attempts);
    count += retried;
  };
  try {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const ids = count < limit ? await tasks.findExhausted(run, kind, limit - count, passedOver) : [];
      if (ids.length === 0) {
        break;
      }
      const { refused, untried } = await isolateRows(ids, retry);
      passedOver.push(...refused.map(({ item }) => item), ...untried);
      for (const { item, error: reason } of refused) {
        const task = { kind, name, id: source.idOf(item), step: 'retry' as const };
        events.emit({ type: 'task-refused', ...task, error: reason, tries: 1, retryInMs: null });
      }
    }
  } catch (failure) {
    // The call returns how many were retried before the server failed; a further call for the others fails.
    if (count === 0) {
      throw failure;
    }
  }
  if (count === 0) {
    throw error;
  }
  return count;
}
