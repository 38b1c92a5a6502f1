import { Injectable } from '@nestjs/common';
import { ContextIdFactory, ExternalContextCreator, ModuleRef } from '@nestjs/core';
import type { Task } from '../task/task.js';
import type { HandlerFunction } from './registered-handler.js';

/** `ExecutionContext.getType()` while a handler runs. */
export const PG_QUEUE_CONTEXT = 'pg-queue';

/** Which of Nest's enhancers apply to handlers. */
export interface HandlerEnhancers {
  interceptors?: boolean;
  guards?: boolean;
  filters?: boolean;
}

/** Makes a callable of a provider's method, with the enhancers that apply and, where the provider needs it, an instance per task. */
@Injectable()
export class TaskHandlerInvoker {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly contexts: ExternalContextCreator,
  ) {}

  /** A method of an instance that lives as long as the application. */
  forInstance(instance: object, methodName: string, enhancers: HandlerEnhancers): HandlerFunction {
    return this.contextFor(instance, methodName, enhancers);
  }

  /** A method of a request-scoped, transient or durable provider: resolved for each task, which is its REQUEST. */
  forScoped(
    token: string | symbol | Function,
    methodName: string,
    enhancers: HandlerEnhancers,
  ): HandlerFunction {
    return async (task: Task) => {
      const contextId = ContextIdFactory.getByRequest(task);
      this.moduleRef.registerRequestByContextId(task, contextId);
      const instance = await this.moduleRef.resolve<object>(token as never, contextId, { strict: false });
      return this.contextFor(instance, methodName, enhancers, contextId)(task);
    };
  }

  private contextFor(
    instance: object,
    methodName: string,
    enhancers: HandlerEnhancers,
    contextId?: { readonly id: number },
  ): HandlerFunction {
    const method = (instance as Record<string, (...args: unknown[]) => unknown>)[methodName]!;
    const { interceptors = true, guards = false, filters = false } = enhancers;
    return this.contexts.create(
      instance as never,
      method,
      methodName,
      undefined,
      undefined,
      contextId,
      undefined,
      { interceptors, guards, filters },
      PG_QUEUE_CONTEXT,
    ) as HandlerFunction;
  }
}
