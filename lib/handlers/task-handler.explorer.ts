import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { UnsupportedHandlerError } from '../errors/pg-queue.errors.js';
import type { HandlerFunction } from './registered-handler.js';
import { handlerMetadata, type TaskHandlerMetadata } from './task-handler.decorator.js';
import {
  type HandlerEnhancers,
  type InstanceWrapper,
  isShared,
  TaskHandlerInvoker,
} from './task-handler.invoker.js';

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
    return this.providers().flatMap((wrapper) => this.handlersOf(wrapper, enhancers));
  }

  /** Each provider once: an alias, and a factory that returns another provider, lead to a provider that is listed itself. */
  private providers(): InstanceWrapper[] {
    const seen = new Set<unknown>();
    return this.discovery.getProviders().filter((wrapper) => {
      if (wrapper.isAlias || !isShared(wrapper)) {
        return !wrapper.isAlias;
      }
      const { instance } = wrapper;
      return !seen.has(instance) && seen.add(instance);
    });
  }

  private handlersOf(wrapper: InstanceWrapper, enhancers: HandlerEnhancers): FoundHandler[] {
    const prototype = prototypeOf(wrapper);
    if (!prototype) {
      return [];
    }
    return this.scanner.getAllMethodNames(prototype).flatMap((methodName) =>
      handlerMetadata(prototype, methodName).map((metadata) => ({
        metadata,
        invoke: this.invoker.create(wrapper, methodName, enhancers),
        origin: `${prototype.constructor.name}.${methodName} (${wrapper.host?.name ?? 'unknown module'})`,
      })),
    );
  }
}

/** The prototype with the methods of a provider, whoever makes its instances; null for a value without one. */
function prototypeOf(wrapper: InstanceWrapper): object | null {
  const { instance, token } = wrapper as { instance: unknown; token: unknown };
  if (typeof instance === 'object' && instance !== null) {
    return Object.getPrototypeOf(instance) as object | null;
  }
  // A factory that makes an instance per task has made none yet, but may promise a class.
  return !isShared(wrapper) && typeof token === 'function' ? (token.prototype as object | null) : null;
}
