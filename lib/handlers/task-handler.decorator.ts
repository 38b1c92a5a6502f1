import { SetMetadata } from '@nestjs/common';
import type { KindOptions } from '../task/kind-options.js';
import type { Task } from '../task/task.js';
import type { KindRef, TaskDefinition } from '../task/task-definition.js';

export const TASK_HANDLER_METADATA = 'pgqueue:task-handler';

export interface TaskHandlerMetadata {
  readonly kind: KindRef;
  readonly options: KindOptions | undefined;
}

/** A method that can run a definition's tasks. */
type HandlerMethod<Payload> = (task: Task<Payload>, ...rest: never[]) => unknown;

/**
 * Runs the tasks of a kind by this method. The method may be of any provider; a class may have several.
 * @param kind a definition (`defineTask`) or a number
 * @param options over the definition's own; `attemptTimeout` and `backoff` are required in one of the two
 * @publicApi
 */
export function TaskHandler<Output>(
  kind: TaskDefinition<any, Output>,
  options?: KindOptions,
): <M extends HandlerMethod<Output>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;
export function TaskHandler(kind: number, options?: KindOptions): MethodDecorator;
export function TaskHandler(kind: KindRef, options?: KindOptions): MethodDecorator {
  return SetMetadata(TASK_HANDLER_METADATA, { kind, options } satisfies TaskHandlerMetadata);
}
