import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { UnsupportedHandlerError } from '../task/task.errors.js';
import type { HandlerFunction } from './registered-handler.js';
import { TaskHandlerAccessor } from './task-handler.accessor.js';
import type { TaskHandlerMetadata } from './task-handler.decorator.js';
import { type HandlerEnhancers, TaskHandlerInvoker } from './task-handler.invoker.js';

type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A decorated method, ready to be registered. */
export interface FoundHandler {
  readonly metadata: TaskHandlerMetadata;
  readonly invoke: HandlerFunction;
  /** `Mailer.send (MailModule)` */
  readonly origin: string;
}

/** Finds every `@TaskHandler` of the application's providers. */
@Injectable()
export class TaskHandlerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly accessor: TaskHandlerAccessor,
    private readonly invoker: TaskHandlerInvoker,
  ) {}

  /** @throws UnsupportedHandlerError for a decorated method that could never run. */
  explore(enhancers: HandlerEnhancers): FoundHandler[] {
    for (const wrapper of this.discovery.getControllers()) {
      for (const { origin } of this.handlersOf(wrapper, enhancers)) {
        throw new UnsupportedHandlerError(
          `${origin}: a controller can't have a @TaskHandler; move the method to a provider`,
        );
      }
    }
    // An alias leads to a provider that is found by itself.
    return this.discovery
      .getProviders()
      .flatMap((wrapper) => (wrapper.isAlias ? [] : this.handlersOf(wrapper, enhancers)));
  }

  private handlersOf(wrapper: InstanceWrapper, enhancers: HandlerEnhancers): FoundHandler[] {
    const prototype = prototypeOf(wrapper);
    if (!prototype) {
      return [];
    }
    return this.scanner.getAllMethodNames(prototype).flatMap((methodName) => {
      const metadata = this.accessor.getMetadata((prototype as Record<string, unknown>)[methodName]);
      if (!metadata) {
        return [];
      }
      const invoke = isShared(wrapper)
        ? this.invoker.forInstance(wrapper.instance as object, methodName, enhancers)
        : this.invoker.forScoped(wrapper.token as string, methodName, enhancers);
      return [
        {
          metadata,
          invoke,
          origin: `${prototype.constructor.name}.${methodName} (${wrapper.host?.name ?? 'unknown module'})`,
        },
      ];
    });
  }
}

/** The methods of a provider, whoever makes its instances; a value may have no prototype at all. */
function prototypeOf({ instance }: InstanceWrapper): object | null {
  return typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as object | null)
    : null;
}

/** Whether one instance serves all tasks; the `instance` of any other provider is a bare prototype without dependencies. */
function isShared(wrapper: InstanceWrapper): boolean {
  return !wrapper.isTransient && wrapper.isDependencyTreeStatic();
}
