import type { StandardSchemaV1 } from '@standard-schema/spec';
import { errorMessage } from './error-message.js';
import { InvalidTaskError, TaskPayloadError } from './task.errors.js';

/** Deeper nesting would overflow the server's JSON parser. */
const MAX_DEPTH = 500;
const MAX_FIELD_LENGTH = 200;

const NOT_CARRIED = "can't be carried by JSON";
const TOO_DEEP = `must be nested at most ${MAX_DEPTH} levels deep`;

/**
 * The payload as JSON text.
 * @throws InvalidTaskError when JSON would change or lose a part of it, or it is larger than `maxBytes`.
 */
export function serializePayload(field: string, payload: unknown, maxBytes: number): string {
  const json = stringify(field, payload);
  const flaw = flawOf(payload, 0);
  if (flaw) {
    throw new InvalidTaskError(shorten(field + flaw.path), flaw.value, flaw.problem);
  }
  // A UTF-16 unit takes at most 3 bytes, so that short texts need no counting.
  if (json.length * 3 > maxBytes) {
    const bytes = Buffer.byteLength(json);
    if (bytes > maxBytes) {
      throw new InvalidTaskError(field, `${bytes} bytes`, `must be at most ${maxBytes} bytes of JSON`);
    }
  }
  return json;
}

/** @throws InvalidTaskError when the payload does not fit the definition's schema. */
export async function assertMatches(
  field: string,
  schema: StandardSchemaV1,
  payload: unknown,
): Promise<void> {
  const result = await schema['~standard'].validate(payload);
  if (result.issues) {
    throw new InvalidTaskError(field, payload, `does not fit its schema (${describeIssues(result.issues)})`);
  }
}

/** What the schema makes of a stored payload. @throws TaskPayloadError when it does not fit. */
export async function parsePayload(schema: StandardSchemaV1, payload: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(payload);
  if (result.issues) {
    throw new TaskPayloadError(
      `the stored payload does not fit its schema (${describeIssues(result.issues)})`,
    );
  }
  return result.value;
}

function stringify(field: string, payload: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (error) {
    const [reason] = errorMessage(error).split('\n');
    throw new InvalidTaskError(field, payload, `${NOT_CARRIED} (${reason})`);
  }
  if (json === undefined) {
    throw new InvalidTaskError(field, payload, NOT_CARRIED);
  }
  return json;
}

/** A part of a payload that JSON would lose or change. */
interface Flaw {
  /** From the payload to the part: `.items[3].price`. Put together on the way back, so that a good payload pays nothing for it. */
  readonly path: string;
  readonly value: unknown;
  readonly problem: string;
}

/** Finds what JSON.stringify would silently drop or change: functions, symbols, NaN, Map, Set, undefined in arrays … */
function flawOf(value: unknown, depth: number): Flaw | undefined {
  switch (typeof value) {
    case 'function':
    case 'symbol':
      return { path: '', value, problem: NOT_CARRIED };
    case 'number':
      return Number.isFinite(value) ? undefined : { path: '', value, problem: NOT_CARRIED };
    case 'object':
      return value === null ? undefined : flawOfObject(value, depth + 1);
    default:
      return undefined;
  }
}

function flawOfObject(value: object, depth: number): Flaw | undefined {
  if (depth > MAX_DEPTH) {
    return { path: '', value, problem: TOO_DEEP };
  }
  const carried = carriedFor(value);
  if (typeof carried !== 'object' || carried === null) {
    return flawOf(carried, depth);
  }
  if (Array.isArray(carried)) {
    return flawOfArray(carried, depth);
  }
  return isUncarried(carried) ? { path: '', value, problem: NOT_CARRIED } : flawOfProperties(carried, depth);
}

/** What JSON.stringify writes in place of an object; an invalid date would become null. */
function carriedFor(value: object): unknown {
  if (value instanceof Date) {
    return value.getTime();
  }
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value, '') : value;
}

function flawOfArray(items: readonly unknown[], depth: number): Flaw | undefined {
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    const flaw = item === undefined ? { path: '', value: item, problem: NOT_CARRIED } : flawOf(item, depth);
    if (flaw) {
      return { ...flaw, path: `[${index}]${flaw.path}` };
    }
  }
  return undefined;
}

function flawOfProperties(value: object, depth: number): Flaw | undefined {
  for (const key of Object.keys(value)) {
    const flaw = flawOf((value as Record<string, unknown>)[key], depth);
    if (flaw) {
      return { ...flaw, path: `.${key}${flaw.path}` };
    }
  }
  return undefined;
}

/** Objects of which JSON.stringify makes `{}`, or a list of bytes by their indexes. */
function isUncarried(value: object): boolean {
  return (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Error ||
    value instanceof Promise ||
    value instanceof RegExp ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  );
}

function shorten(field: string): string {
  return field.length > MAX_FIELD_LENGTH ? `${field.slice(0, MAX_FIELD_LENGTH)}…` : field;
}

function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  const described = issues.slice(0, 5).map(({ message, path }) => {
    const keys = (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment));
    return keys.length > 0 ? `${keys.join('.')}: ${message}` : message;
  });
  return described.join('; ');
}
