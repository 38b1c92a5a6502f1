import { NoAnswerError } from '../errors/pg-queue.errors.js';

const LATE = Symbol('late');

/**
 * Waits for `work`, at most `ms`; the work itself goes on.
 * @throws NoAnswerError when it takes longer, and what it rejects with
 */
export async function inTime<T>(ms: number, work: Promise<T>): Promise<T> {
  const result = await firstOf(ms, work);
  if (result === LATE) {
    throw new NoAnswerError(ms);
  }
  return result;
}

/** Waits for `work`, at most `ms`. @returns whether it ended in time; a rejection counts as an end. */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = work.then(
    () => undefined,
    () => undefined,
  );
  return (await firstOf(ms, ended)) !== LATE;
}

async function firstOf<T>(ms: number, work: Promise<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
