import 'reflect-metadata';
import type { KindOptions } from '../task/kind-options.js';
import type { KindRef, TaskDefinition } from '../task/task-definition.js';
import { UnsupportedHandlerError } from '../errors/pg-queue.errors.js';
import type { HandlerFunction } from './registered-handler.js';

const TASK_HANDLER_METADATA = 'pgqueue:task-handler';

export interface TaskHandlerMetadata {
  readonly kind: KindRef;
  readonly options: KindOptions | undefined;
}

/**
 * Runs the tasks of a kind by this method. The method may be of any provider; a class may have several, a subclass inherits
 * them, and one that overrides such a method handles the kind by its own. A method decorated twice runs both kinds.
 * @param kind a definition (`defineTask`) or a number
 * @param options over the definition's own; `attemptTimeout` and `backoff` are required in one of the two
 * @throws UnsupportedHandlerError for anything but a method of instances
 * @publicApi
 */
export function TaskHandler<Output>(
  kind: TaskDefinition<any, Output>,
  options?: KindOptions,
): <M extends HandlerFunction<Output>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;
export function TaskHandler(kind: number, options?: KindOptions): MethodDecorator;
export function TaskHandler(kind: KindRef, options?: KindOptions): MethodDecorator {
  return (target, key, descriptor) => {
    assertMethod(target, key, descriptor);
    // Kept by the name of the method, not on its function: another decorator may wrap the function.
    const others: TaskHandlerMetadata[] = Reflect.getOwnMetadata(TASK_HANDLER_METADATA, target, key) ?? [];
    Reflect.defineMetadata(TASK_HANDLER_METADATA, [...others, { kind, options }], target, key);
  };
}

/** The metadata of `@TaskHandler` on a method, or on the method that it is inherited from. */
export function handlerMetadata(prototype: object, methodName: string): readonly TaskHandlerMetadata[] {
  return Reflect.getMetadata(TASK_HANDLER_METADATA, prototype, methodName) ?? [];
}

/** Refuses what Nest would ignore without an error. */
function assertMethod(
  target: object,
  key: string | symbol | undefined,
  descriptor?: PropertyDescriptor,
): void {
  const className = typeof target === 'function' ? target.name : target.constructor.name;
  const name = `${className}${key === undefined ? '' : `.${String(key)}`}`;
  if (typeof target === 'function' || typeof descriptor?.value !== 'function') {
    throw new UnsupportedHandlerError(`${name}: a @TaskHandler must be a method of the class's instances`);
  }
  if (typeof key === 'symbol') {
    throw new UnsupportedHandlerError(`${name}: a @TaskHandler must have a name that is a string`);
  }
}
