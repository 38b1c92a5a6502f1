import { PartialFailureError } from './partial-failure.error.js';

/** What a call of several databases returned, and why it failed in others. */
export interface DatabaseResults<Database, Result> {
  readonly results: ReadonlyMap<Database, Result>;
  readonly errors: ReadonlyMap<Database, unknown>;
}

/** Calls databases at the same time; never rejects. The results are in the order of the databases, whichever came first. */
export async function callDatabases<Database, Result>(
  databases: readonly Database[],
  call: (database: Database) => Promise<Result>,
): Promise<DatabaseResults<Database, Result>> {
  const outcomes = await Promise.allSettled(databases.map(async (database) => call(database)));
  const results = new Map<Database, Result>();
  const errors = new Map<Database, unknown>();
  outcomes.forEach((outcome, index) => {
    if (outcome.status === 'fulfilled') {
      results.set(databases[index]!, outcome.value);
    } else {
      errors.set(databases[index]!, outcome.reason);
    }
  });
  return { results, errors };
}

/** Calls one database after the other to change at most `limit` things, until that many are changed; never rejects. */
export async function callInTurn<Database>(
  databases: readonly Database[],
  limit: number,
  call: (database: Database, left: number) => Promise<number>,
): Promise<DatabaseResults<Database, number> & { readonly changed: number }> {
  let left = limit;
  const results = new Map<Database, number>();
  const errors = new Map<Database, unknown>();
  for (const database of databases) {
    if (left === 0) {
      break;
    }
    try {
      const count = await call(database, left);
      results.set(database, count);
      left -= count;
    } catch (error) {
      errors.set(database, error);
    }
  }
  return { results, errors, changed: limit - left };
}

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

/**
 * The result of a call that no database failed.
 * @param meant how many databases the call is for; some may not have been called, since nothing was left to do
 * @throws PartialFailureError with the result of the other databases; where the call is for a single database, the database's own error
 */
export function resultOf<Database extends { readonly name: string }, Result>(
  { results, errors }: DatabaseResults<Database, unknown>,
  result: Result,
  meant = results.size + errors.size,
): Result {
  if (errors.size === 0) {
    return result;
  }
  if (meant === 1) {
    throw errors.values().next().value;
  }
  throw new PartialFailureError(new Map([...errors].map(([{ name }, error]) => [name, error])), result);
}
