/** Transaction conflicts: the same statement may succeed at once. */
const CONFLICTS = new Set(['40001', '40P01', '55P03']);

/** There was no connection to send a statement on: it certainly did nothing. */
export class NotConnectedError extends Error {
  constructor(cause: unknown) {
    super((cause as Error | undefined)?.message ?? 'no connection', { cause });
    this.name = 'NotConnectedError';
  }
}

/** Of anything that was thrown, whatever its getters do. */
export function sqlState(error: unknown): string | undefined {
  try {
    const code = (error as { code?: unknown } | null | undefined)?.code;
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlState(error) ?? '');
}

/**
 * What the server says of itself, or of the moment: connections, resources, operators, the system; conflicts; a transaction or server
 * that only reads.
 */
const SERVER_CLASSES = new Set(['08', '25', '40', '53', '55', '57', '58']);

/** Whether the error of a statement is probably about a row of it: trigger, policy, constraint, data, damage, what is not foreseen. */
export function isRowError(error: unknown): boolean {
  return (
    isCertainlyRolledBack(error) &&
    !(error instanceof NotConnectedError) &&
    !SERVER_CLASSES.has(sqlState(error)!.slice(0, 2))
  );
}

/** A statement took too long, or waited for too long: whoever asked may ask again. */
const TIMEOUTS = new Set(['57014', '55P03']);

/** Whether it is worth while to do in parts what has failed as a whole, when nobody tries it again. */
export function mayBeRowError(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && isCertainlyRolledBack(error) && !TIMEOUTS.has(state);
}

/**
 * Whether a statement certainly had no effect: it was never sent, or the server answered with an error of its own. Otherwise
 * (a broken or silent connection) it may have been committed. The shutdown errors, 57P01 to 57P03, reach a client in either case.
 */
export function isCertainlyRolledBack(error: unknown): boolean {
  if (error instanceof NotConnectedError) {
    return true;
  }
  const code = sqlState(error) ?? '';
  return (
    /^[0-9A-Z]{5}$/.test(code) &&
    !code.startsWith('57P') &&
    !code.startsWith('08') &&
    !/^E[A-Z]{4}$/.test(code)
  );
}
