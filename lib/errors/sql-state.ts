import { propertyOf } from './property-of.js';

/** The `code` of any thrown value: an SQLSTATE of the server, or a code of the network; undefined when there is none. Never throws. */
export function sqlState(error: unknown): string | undefined {
  const code = propertyOf(error, 'code');
  return typeof code === 'string' ? code : undefined;
}

/** What a code says about the database, for people who have to repair it. */
export type DatabaseProblem = 'canceled' | 'mismatch' | 'read-only' | 'unavailable';

const PROBLEMS: readonly (readonly [RegExp, DatabaseProblem])[] = [
  /** The statement took longer than it may. */
  [/^57014$/, 'canceled'],
  /** A schema, table, column, function or privilege is missing. */
  [/^(3F|42)/, 'mismatch'],
  /** The server is a standby, or its transactions only read. */
  [/^25006$/, 'read-only'],
  /** Connections are refused, broken or too many, or the server is stopping; codes of the network begin with E. */
  [/^(08|28|3D|53|55|57|E[A-Z]{3})/, 'unavailable'],
];

/** Undefined for a code of no known problem. */
export function databaseProblem(code: string | undefined): DatabaseProblem | undefined {
  return PROBLEMS.find(([pattern]) => code !== undefined && pattern.test(code))?.[1];
}
