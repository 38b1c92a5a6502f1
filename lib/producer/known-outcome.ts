import { isCertainlyRolledBack, isConflict } from '../storage/sql-state.js';
import { DatabaseError, OutcomeUnknownError, PushOutcomeUnknownError } from '../errors/pg-queue.errors.js';

/** How often a change in a transaction of its own is tried where it conflicts with others. */
const MAX_TRIES = 5;

/**
 * Makes a change that commits by itself.
 * @param again whether it may be made again where the server rolled it back for a conflict with another transaction
 * @throws OutcomeUnknownError, of a push PushOutcomeUnknownError, where it may be stored although it failed
 */
export async function withKnownOutcome<T>(
  what: 'push' | 'change',
  change: () => Promise<T>,
  again = true,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await change();
    } catch (error) {
      if (error instanceof DatabaseError && !isCertainlyRolledBack(error)) {
        throw unknownOutcome(what, error);
      }
      // A row that another transaction holds (55P03) is waited for as the application has set it.
      if (!isConflict(error) || error.code === '55P03' || !again || tries === MAX_TRIES) {
        throw error;
      }
    }
  }
}

function unknownOutcome(what: 'push' | 'change', cause: DatabaseError): OutcomeUnknownError {
  const [UnknownError, advice] =
    what === 'push'
      ? [PushOutcomeUnknownError, 'Tasks with keys may be pushed again; others might be stored twice']
      : [OutcomeUnknownError, 'It may be made again'];
  const because = `${cause.message} (${cause.code})`;
  return new UnknownError(`it is unknown whether the ${what} is stored: ${because}. ${advice}`, { cause });
}
