import { Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { TASK_HANDLER_METADATA, type TaskHandlerMetadata } from './task-handler.decorator.js';

/** Reads what `@TaskHandler` wrote. */
@Injectable()
export class TaskHandlerAccessor {
  constructor(private readonly reflector: Reflector) {}

  getMetadata(target: unknown): TaskHandlerMetadata | undefined {
    return typeof target === 'function'
      ? this.reflector.get<TaskHandlerMetadata>(TASK_HANDLER_METADATA, target)
      : undefined;
  }
}
