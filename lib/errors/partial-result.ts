import { PartialFailureError } from './database.errors.js';

/**
 * The result of a call, also when some databases failed, and the errors of these databases by their names.
 * @throws the error of a call that failed as a whole
 */
export async function partialResult<Result>(
  call: Promise<Result>,
): Promise<{ readonly result: Result; readonly errors: ReadonlyMap<string, unknown> }> {
  try {
    return { result: await call, errors: new Map() };
  } catch (error) {
    if (!(error instanceof PartialFailureError)) {
      throw error;
    }
    return { result: error.result as Result, errors: error.errors };
  }
}
