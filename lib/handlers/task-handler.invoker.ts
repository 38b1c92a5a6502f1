import { type ArgumentsHost, Injectable } from '@nestjs/common';
import {
  ApplicationConfig,
  ContextIdFactory,
  type DiscoveryService,
  ExternalContextCreator,
  ModuleRef,
} from '@nestjs/core';
import type { Task } from '../task/task.js';
import type { HandlerFunction } from './registered-handler.js';

/** `ExecutionContext.getType()` while a handler runs. */
export const PG_QUEUE_CONTEXT = 'pg-queue';

/** Whether an interceptor, guard or filter was called for a task; its first argument is the task then. */
export function isPgQueueContext(host: ArgumentsHost): boolean {
  return host.getType<string>() === PG_QUEUE_CONTEXT;
}

/** Which of Nest's enhancers apply to handlers. */
export interface HandlerEnhancers {
  /** Default true. */
  interceptors?: boolean;
  /** Default false: guards are usually made for HTTP. */
  guards?: boolean;
  /** Default false: a task whose error a filter answers with a value, or a promise, has succeeded. */
  filters?: boolean;
}

export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];
type ContextId = ReturnType<typeof ContextIdFactory.create>;

/** Whether one instance serves all tasks; the `instance` of any other provider is a bare prototype without dependencies. */
export function isShared(wrapper: InstanceWrapper): boolean {
  return !wrapper.isTransient && wrapper.isDependencyTreeStatic();
}

/** Makes a callable of a provider's method, with the enhancers that apply and, where it needs one, an instance per task. */
@Injectable()
export class TaskHandlerInvoker {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly contexts: ExternalContextCreator,
    private readonly config: ApplicationConfig,
  ) {}

  create(wrapper: InstanceWrapper, methodName: string, enhancers: HandlerEnhancers): HandlerFunction {
    const perTask = this.enhancersPerRequest(enhancers);
    if (isShared(wrapper) && perTask.length === 0) {
      return this.callable(wrapper, wrapper.instance as object, methodName, enhancers);
    }
    // A task is what a request is elsewhere: REQUEST injects it.
    return async (task: Task) => {
      const contextId = ContextIdFactory.getByRequest(task);
      this.moduleRef.registerRequestByContextId(task, contextId);
      await Promise.all(perTask.map((enhancer) => resolve(enhancer, contextId)));
      const instance = await resolve(wrapper, contextId);
      return this.callable(wrapper, instance, methodName, enhancers, contextId)(task);
    };
  }

  /** The enhancers of the whole application of which Nest makes an instance for each request. */
  private enhancersPerRequest({ interceptors, guards, filters }: HandlerEnhancers): InstanceWrapper[] {
    return [
      ...(interceptors === false ? [] : this.config.getGlobalRequestInterceptors()),
      ...(guards ? this.config.getGlobalRequestGuards() : []),
      ...(filters ? this.config.getGlobalRequestFilters() : []),
    ];
  }

  private callable(
    { id }: InstanceWrapper,
    instance: object,
    methodName: string,
    { interceptors = true, guards = false, filters = false }: HandlerEnhancers,
    contextId?: ContextId,
  ): HandlerFunction {
    return this.contexts.create(
      instance as never,
      (instance as Record<string, (...args: unknown[]) => unknown>)[methodName]!,
      methodName,
      undefined,
      undefined,
      contextId,
      id,
      { interceptors, guards, filters },
      PG_QUEUE_CONTEXT,
    ) as HandlerFunction;
  }
}

/** Resolves a provider in its own module: another module may have a provider of the same name. */
function resolve({ host, token }: InstanceWrapper, contextId: ContextId): Promise<object> {
  const { instance: moduleRef } = host!.getProviderByKey<ModuleRef>(ModuleRef);
  return moduleRef.resolve<object>(token as string, contextId, { strict: true });
}
