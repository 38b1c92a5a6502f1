import { DatabaseError, PgQueueError } from '../errors/pg-queue.errors.js';
import { propertyOf } from '../errors/property-of.js';
import { sqlState } from '../errors/sql-state.js';
import { asRolledBack, isCertainlyRolledBack, NotConnectedError } from './sql-state.js';

/** Codes whose text the server makes of names alone. Any other may quote a value: `invalid input syntax for type integer: "…"`. */
const NAMING_CLASSES = new Set('08 0A 23 25 26 28 3D 3F 40 44 53 54 55 57 58 XX'.split(' '));
const NAMING_CODES = new Set(['42501', '42703', '42704', '42883', '42P01', '42P05', '42804', '42809']);

/** Messages of `pg` and TypeORM themselves, which quote no values. */
const CLIENT_TEXTS =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client (has|was)|Cannot use a pool after|Query runner already released|Database connection provided by a query runner was)/;

const KEPT = ['severity', 'routine', 'schema', 'table', 'column', 'constraint', 'dataType'] as const;
const INNER = ['driverError', 'cause', 'originalError', 'previous', 'original'] as const;
const MAX_DEPTH = 5;
const SQL_STATE = /^[0-9A-Z]{5}$/;
const SYSTEM_CODE = /^E[A-Z]{4,}$/;

/**
 * The error of a database library, without whatever may hold a payload or a key: parameters, statement, detail, context and texts
 * that quote values. It keeps whether the error certainly means a roll-back.
 */
export function cleanError(thrown: unknown): unknown {
  if (thrown instanceof PgQueueError || thrown instanceof NotConnectedError) {
    return thrown;
  }
  const source = serverError(thrown);
  const details: Record<string, string> = {};
  for (const name of KEPT) {
    const value = propertyOf(source, name);
    if (typeof value === 'string') {
      details[name] = value;
    }
  }
  const clean = new DatabaseError(textOf(source), sqlState(source), details);
  return isCertainlyRolledBack(source) || isCertainlyRolledBack(thrown) ? asRolledBack(clean) : clean;
}

/** The innermost error that has a code of the server: errors that wrap it repeat statement and parameters. */
function serverError(thrown: unknown, depth = 0): unknown {
  for (const name of depth < MAX_DEPTH ? INNER : []) {
    const inner = propertyOf(thrown, name);
    if (typeof inner === 'object' && inner !== null) {
      const found = serverError(inner, depth + 1);
      if (isCode(sqlState(found))) {
        return found;
      }
    }
  }
  return thrown;
}

function isCode(code: string | undefined): boolean {
  return code !== undefined && (SQL_STATE.test(code) || SYSTEM_CODE.test(code));
}

function textOf(error: unknown): string {
  const code = sqlState(error) ?? '';
  const message = propertyOf(error, 'message');
  const text = typeof message === 'string' ? message : '';
  if (propertyOf(error, 'routine') === 'exec_stmt_raise') {
    return `refused by ${raisedBy(error)}; its text is left out, since it may quote a payload`;
  }
  const names = SQL_STATE.test(code) && (NAMING_CLASSES.has(code.slice(0, 2)) || NAMING_CODES.has(code));
  if (text !== '' && (names || SYSTEM_CODE.test(code) || (code === '' && CLIENT_TEXTS.test(text)))) {
    return text;
  }
  return 'the database, or its library, refused the statement; its text is left out, since it may quote a payload';
}

/** The names of functions in the context are no data. */
function raisedBy(error: unknown): string {
  const where = propertyOf(error, 'where');
  const named = typeof where === 'string' ? /^PL\/pgSQL function ([\w$."]+)\(/.exec(where) : null;
  return named ? `the function ${named[1]!.slice(0, 200)}` : 'a function of the database';
}
