import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  resolveKindOptions,
  assertRunnable,
  type KindOptions,
  type ResolvedKindOptions,
} from '../task/kind-options.js';
import type { PayloadCodec } from '../task/payload-codec.js';
import { type KindRef, kindOf } from '../task/task-definition.js';
import { defaultKindName } from '../task/task-name.js';
import { DuplicateKindError, UnexpectedTaskKindError } from '../errors/pg-queue.errors.js';
import type { HandlerFunction, RegisteredHandler } from './registered-handler.js';

/** The options of the module's `kinds`, by kind number. */
export type KindOverrides = Readonly<Record<number, KindOptions>>;

/** The kinds that this process knows: those it handles, and those whose definition it has met. */
export class TaskHandlerRegistry {
  private readonly handlers = new Map<number, RegisteredHandler>();
  private readonly kindsByName = new Map<string, number>();
  private readonly resolvedDefinitions = new WeakMap<object, ResolvedKindOptions>();
  private readonly definedOptions = new Map<number, ResolvedKindOptions>();
  private readonly observers: ((handler: RegisteredHandler) => void)[] = [];

  /** @param codec the codec of kinds that name none */
  constructor(
    private readonly overrides: KindOverrides,
    private readonly codec?: PayloadCodec,
  ) {}

  /**
   * @param origin where the handler is declared, for messages
   * @throws InvalidOptionError for a wrong option, DuplicateKindError for a kind or a name that has a handler already
   */
  register(
    ref: KindRef,
    invoke: HandlerFunction,
    options: KindOptions | undefined,
    origin: string,
  ): RegisteredHandler {
    const kind = kindOf(ref);
    const definition = typeof ref === 'number' ? undefined : ref;
    const resolved = resolveKindOptions(kind, this.defaults, definition, options, this.overrides[kind]);
    assertRunnable(resolved);
    this.assertFree(kind, resolved.name, origin);
    const handler: RegisteredHandler = { options: resolved, schema: definition?.payload, invoke, origin };
    this.handlers.set(kind, handler);
    this.kindsByName.set(resolved.name, kind);
    this.observers.forEach((observer) => observer(handler));
    return handler;
  }

  /** Calls `observer` with every handler, those registered already and those to come. */
  observe(observer: (handler: RegisteredHandler) => void): void {
    this.observers.push(observer);
    this.handlers.forEach((handler) => observer(handler));
  }

  getAll(): RegisteredHandler[] {
    return [...this.handlers.values()];
  }

  /**
   * The options of a kind: its handler's in this process, or those of the definition given.
   * @throws UnexpectedTaskKindError for a bare number that has no handler here
   */
  optionsOf(ref: KindRef): ResolvedKindOptions {
    const kind = kindOf(ref);
    const handled = this.handlers.get(kind)?.options;
    if (handled) {
      return handled;
    }
    if (typeof ref === 'number') {
      throw new UnexpectedTaskKindError(kind);
    }
    let resolved = this.resolvedDefinitions.get(ref);
    if (!resolved) {
      resolved = resolveKindOptions(kind, this.defaults, ref, this.overrides[kind]);
      this.resolvedDefinitions.set(ref, resolved);
      this.definedOptions.set(kind, resolved);
    }
    return resolved;
  }

  /** The schema of a kind's payload: the definition's, or that of its handler here. */
  schemaOf(ref: KindRef): StandardSchemaV1 | undefined {
    return typeof ref === 'number' ? this.handlers.get(ref)?.schema : ref.payload;
  }

  /** The name of a kind that this process has met. */
  nameOf(kind: number): string {
    return this.knownNameOf(kind) ?? defaultKindName(kind);
  }

  /** Undefined for a kind that this process has not met. */
  knownNameOf(kind: number): string | undefined {
    return this.knownOptionsOf(kind)?.name;
  }

  /** The codec of a kind that this process has met, or the module's. */
  codecOf(kind: number): PayloadCodec | undefined {
    const known = this.knownOptionsOf(kind);
    return known ? known.codec : this.codec;
  }

  private knownOptionsOf(kind: number): ResolvedKindOptions | undefined {
    return this.handlers.get(kind)?.options ?? this.definedOptions.get(kind);
  }

  private get defaults(): KindOptions | undefined {
    return this.codec && { codec: this.codec };
  }

  private assertFree(kind: number, name: string, origin: string): void {
    const other = this.handlers.get(kind);
    if (other) {
      throw new DuplicateKindError(`kind ${kind} has two handlers: ${other.origin} and ${origin}`);
    }
    const namesake = this.kindsByName.get(name);
    if (namesake !== undefined) {
      throw new DuplicateKindError(
        `kinds ${namesake} and ${kind} have one name, "${name}": ${this.handlers.get(namesake)!.origin} and ${origin}`,
      );
    }
  }
}
