import type { StandardSchemaV1 } from '@standard-schema/spec';
import { errorMessage } from '../errors/error-message.js';
import { flawOf, NOT_CARRIED } from './payload-flaw.js';
import { InvalidTaskError, TaskPayloadError } from '../errors/pg-queue.errors.js';

const MAX_FIELD_LENGTH = 200;
/** A shorter text is no secret, and is part of many words. */
const SHORTEST_QUOTED = 3;

/**
 * The payload as JSON text.
 * @throws InvalidTaskError when JSON would change or lose a part of it, or it is larger than `maxBytes`.
 */
export function serializePayload(field: string, payload: unknown, maxBytes: number): string {
  const json = stringify(field, payload);
  const flaw = flawOf(payload);
  if (flaw) {
    throw new InvalidTaskError(shorten(field + flaw.path), flaw.value, flaw.problem);
  }
  assertSize(field, json, maxBytes);
  return json;
}

/** @throws InvalidTaskError for a text that is larger than `maxBytes` */
export function assertSize(field: string, json: string, maxBytes: number): void {
  // A UTF-16 unit takes at most 3 bytes, so that short texts need no counting.
  if (json.length * 3 > maxBytes) {
    const bytes = Buffer.byteLength(json);
    if (bytes > maxBytes) {
      throw new InvalidTaskError(field, `${bytes} bytes`, `must be at most ${maxBytes} bytes of JSON`);
    }
  }
}

/** @throws InvalidTaskError when the payload does not fit the definition's schema. */
export async function assertMatches(
  field: string,
  schema: StandardSchemaV1,
  payload: unknown,
): Promise<void> {
  await outputOf(schema, payload, (problem) => new InvalidTaskError(field, payload, problem));
}

/** The output of the schema for a stored payload. @throws TaskPayloadError when it does not fit. */
export function parsePayload(schema: StandardSchemaV1, payload: unknown): Promise<unknown> {
  return outputOf(schema, payload, (problem) => new TaskPayloadError(`the stored payload ${problem}`));
}

async function outputOf(
  schema: StandardSchemaV1,
  payload: unknown,
  refusal: (problem: string) => Error,
): Promise<unknown> {
  const result = await schema['~standard'].validate(payload);
  if (result.issues) {
    throw refusal(`does not fit its schema (${describeIssues(result.issues, payload)})`);
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

function shorten(field: string): string {
  return field.length > MAX_FIELD_LENGTH ? `${field.slice(0, MAX_FIELD_LENGTH)}…` : field;
}

function describeIssues(issues: readonly StandardSchemaV1.Issue[], payload: unknown): string {
  const described = issues.slice(0, 5).map(({ message, path }) => {
    const keys = (path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));
    const text = withoutValue(message, valueAt(payload, keys));
    return keys.length > 0 ? `${keys.map(String).join('.')}: ${text}` : text;
  });
  return described.join('; ');
}

/** Some schema libraries quote what they refuse, and errors end in logs. */
function withoutValue(message: string, value: unknown): string {
  const quoted = typeof value === 'object' ? '' : String(value);
  return value !== undefined && quoted.length >= SHORTEST_QUOTED ? message.replaceAll(quoted, '…') : message;
}

function valueAt(payload: unknown, keys: readonly PropertyKey[]): unknown {
  try {
    return keys.reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], payload);
  } catch {
    return undefined;
  }
}
