import { propertyOf } from '../errors/property-of.js';
import { sqlState } from '../errors/sql-state.js';

/** Transaction conflicts: the same statement may succeed at once. */
const CONFLICTS = new Set(['40001', '40P01', '55P03']);

/** There was no connection to send a statement on: it certainly did nothing. */
export class NotConnectedError extends Error {
  constructor(cause: unknown) {
    super((cause as Error | undefined)?.message ?? 'no connection', { cause });
    this.name = 'NotConnectedError';
  }
}

export function isConflict(error: unknown): error is { code: string } {
  return CONFLICTS.has(sqlState(error) ?? '');
}

/**
 * Errors that are not about a row, but about the server or the moment: connections, resources, operators, the system; conflicts; a
 * transaction or server that is read-only.
 */
const SERVER_CLASSES = new Set(['08', '25', '40', '53', '55', '57', '58']);

/** Whether the error of a statement is probably about a row of it: trigger, policy, constraint, data, damage, what is not foreseen. */
export function isRowError(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && isCertainlyRolledBack(error) && !SERVER_CLASSES.has(state.slice(0, 2));
}

/** A statement took too long, or waited for too long: its caller may repeat it. */
const TIMEOUTS = new Set(['57014', '55P03']);

/** Whether work that has failed as a whole is worth doing in parts, where nobody repeats it. */
export function mayBeRowError(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && isCertainlyRolledBack(error) && !TIMEOUTS.has(state);
}

/** Classes of errors that the server only raises while it prepares or executes a statement, so that the statement is rolled back. */
const EXECUTION_CLASSES = new Set(
  '09 0A 0L 0P 20 21 22 23 24 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 42 44 54 55 HV P0'.split(' '),
);

/** Errors of other classes that the server only raises before the commit. */
const EXECUTION_CODES = new Set(
  '25001 25006 25P01 25P02 40000 40001 40002 40P01 53000 53100 53300 53400 57000 57014'.split(' '),
);

/** PL/pgSQL's RAISE, which may choose any code: a trigger runs before the commit. */
const RAISED_BY_FUNCTION = 'exec_stmt_raise';

/** Errors after which certainly nothing was committed, whatever they are: the statement or the COMMIT was never sent. */
const rolledBack = new WeakSet<object>();

/** Marks an error that came before anything could be committed. */
export function asRolledBack(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) {
    rolledBack.add(error);
  }
  return error;
}

/**
 * Whether a statement certainly had no effect: it was never sent, or the server itself answered with an error that it only raises
 * before a commit. All else is unknown: a connection that broke or was silent, an error of a pooler instead of the server, an end of
 * the session, which may follow the commit, and what is not on the lists.
 */
export function isCertainlyRolledBack(error: unknown): boolean {
  if (error instanceof NotConnectedError || (typeof error === 'object' && error && rolledBack.has(error))) {
    return true;
  }
  const code = sqlState(error);
  // The C function that raised the error: only the server sends it, and poolers do not.
  const routine = propertyOf(error, 'routine');
  if (typeof routine !== 'string' || routine === '' || code?.length !== 5) {
    return false;
  }
  return (
    routine === RAISED_BY_FUNCTION || EXECUTION_CLASSES.has(code.slice(0, 2)) || EXECUTION_CODES.has(code)
  );
}

/** The server refused a statement and nothing else: bad or conflicting data, locks, missing names or rights, a time limit. */
const STATEMENT_ERROR = /^(?:(?:22|23|40|42|55|P0)[0-9A-Z]{3}|57014)$/;

/** Whether the session goes on as before, once its transaction has been rolled back. */
export function leavesSessionUsable(error: unknown): boolean {
  return STATEMENT_ERROR.test(sqlState(error) ?? '');
}
