import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { KindOptions } from './kind-options.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** The numbers that a kind may have: PostgreSQL's `smallint`. */
const MIN_KIND = -32768;
const MAX_KIND = 32767;

/** A kind with its payload type, name and options: the one place that producers and workers share. */
export interface TaskDefinition<Input = unknown, Output = Input> extends KindOptions {
  /** A number of its own, from -32768 to 32767. It is stored with each task: never give it to another kind. */
  readonly kind: number;
  /** Any Standard Schema (zod, valibot, arktype …): checked at push, and again before the handler runs. */
  readonly payload?: StandardSchemaV1<Input, Output>;
}

/** A definition, or the bare number of a registered kind. */
export type KindRef<Input = any> = number | TaskDefinition<Input, any>;

/** What a definition's handler receives. */
export type PayloadOf<D> = D extends TaskDefinition<any, infer Output> ? Output : unknown;

/**
 * Defines a kind of task. Either name the payload's type, `defineTask<{ userId: number }>({ kind: 1 })`,
 * or give a schema, `defineTask({ kind: 1, payload: z.object({ userId: z.number() }) })`.
 * @throws InvalidOptionError when `kind` is not a smallint or `payload` is not a Standard Schema.
 */
export function defineTask<Schema extends StandardSchemaV1>(
  definition: KindOptions & { kind: number; payload: Schema },
): TaskDefinition<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>;
export function defineTask<Payload = unknown>(
  definition: KindOptions & { kind: number; payload?: StandardSchemaV1<Payload, Payload> },
): TaskDefinition<Payload>;
export function defineTask(
  definition: KindOptions & { kind: number; payload?: StandardSchemaV1 },
): TaskDefinition {
  assertKind(definition.kind);
  const { payload } = definition;
  if (payload !== undefined && typeof payload?.['~standard']?.validate !== 'function') {
    throw new InvalidOptionError(`kind ${definition.kind}: payload`, payload, 'must be a Standard Schema');
  }
  return Object.freeze({ ...definition });
}

/**
 * The number of a kind.
 * @param Refusal what is thrown when it is not a smallint
 */
export function kindOf(ref: KindRef, field = 'kind', Refusal = InvalidOptionError): number {
  const kind: unknown = typeof ref === 'object' && ref !== null ? ref.kind : ref;
  assertKind(kind, field, Refusal);
  return kind;
}

function assertKind(kind: unknown, field = 'kind', Refusal = InvalidOptionError): asserts kind is number {
  if (!Number.isInteger(kind) || (kind as number) < MIN_KIND || (kind as number) > MAX_KIND) {
    throw new Refusal(field, kind, `must be an integer from ${MIN_KIND} to ${MAX_KIND}`);
  }
}
