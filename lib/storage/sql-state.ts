/** Transaction conflicts: the same statement may succeed at once. */
const CONFLICTS = new Set(['40001', '40P01', '55P03']);

/** Data that the server refuses: the same statement never succeeds. */
const DATA_CLASSES = new Set(['22', '23']);

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

export function isRefusedData(error: unknown): boolean {
  const code = sqlState(error);
  return code?.length === 5 && DATA_CLASSES.has(code.slice(0, 2));
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

/** The server refused a statement and nothing else: bad or conflicting data, locks, missing names or rights, a time limit. */
const STATEMENT_ERROR = /^(?:(?:22|23|40|42|55|P0)[0-9A-Z]{3}|57014)$/;

/** Whether the session goes on as before, once its transaction has been rolled back. */
export function leavesSessionUsable(error: unknown): boolean {
  return STATEMENT_ERROR.test(sqlState(error) ?? '');
}
