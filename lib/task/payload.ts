import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidTaskError, TaskPayloadError } from './task.errors.js';

/** Deeper nesting would overflow the server's JSON parser. */
const MAX_DEPTH = 500;

/**
 * The payload as JSON text.
 * @throws InvalidTaskError when JSON would change or lose a part of it, or it is larger than `maxBytes`.
 */
export function serializePayload(field: string, payload: unknown, maxBytes: number): string {
  const json = stringify(field, payload);
  assertCarried(field, payload, 0);
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
    throw new InvalidTaskError(
      field,
      payload,
      `can't be carried by JSON (${(error as Error).message.split('\n')[0]})`,
    );
  }
  if (json === undefined) {
    throw new InvalidTaskError(field, payload, "can't be carried by JSON");
  }
  return json;
}

/** Refuses what JSON.stringify would silently drop or change: functions, symbols, NaN, Map, Set, undefined in arrays. */
function assertCarried(path: string, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'function':
    case 'symbol':
      throw new InvalidTaskError(path, value, "can't be carried by JSON");
    case 'number':
      if (!Number.isFinite(value)) {
        throw new InvalidTaskError(path, value, "can't be carried by JSON");
      }
      return;
    case 'object':
      if (value !== null && typeof (value as { toJSON?: unknown }).toJSON !== 'function') {
        assertObjectCarried(path, value, depth + 1);
      }
      return;
    default:
  }
}

function assertObjectCarried(path: string, value: object, depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new InvalidTaskError(path.slice(0, 80), value, `must be nested at most ${MAX_DEPTH} levels deep`);
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (value[index] === undefined) {
        throw new InvalidTaskError(`${path}[${index}]`, undefined, "can't be carried by JSON in an array");
      }
      assertCarried(`${path}[${index}]`, value[index], depth);
    }
    return;
  }
  if (value instanceof Map || value instanceof Set || value instanceof Promise || value instanceof RegExp) {
    throw new InvalidTaskError(path, value, "can't be carried by JSON");
  }
  for (const key of Object.keys(value)) {
    assertCarried(`${path}.${key}`, (value as Record<string, unknown>)[key], depth);
  }
}

function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  const described = issues.slice(0, 5).map(({ message, path }) => {
    const keys = (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment));
    return keys.length > 0 ? `${keys.join('.')}: ${message}` : message;
  });
  return described.join('; ');
}
