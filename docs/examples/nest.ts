import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  type NestInterceptor,
  Scope,
  UseInterceptors,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { isPgQueueContext, noJitter, type Task, TaskHandler } from 'nestjs-pgqueue';
import { tap } from 'rxjs';
import { ImportFile } from './handlers.js';

// #region interceptor
@Injectable()
export class AttemptLog implements NestInterceptor {
  private readonly logger = new Logger(AttemptLog.name);

  intercept(context: ExecutionContext, next: CallHandler) {
    if (!isPgQueueContext(context)) {
      return next.handle(); // bound to the whole application, it is called for HTTP requests too
    }
    const [task] = context.getArgs<[Task]>();
    return next.handle().pipe(tap({ complete: () => this.logger.log(`task ${task.id} is done`) }));
  }
}
// #endregion

// #region request-scope
@Injectable({ scope: Scope.REQUEST })
export class ImportLog {
  constructor(@Inject(REQUEST) readonly task: Task) {} // for a handler, the request is the task
}

@Injectable()
export class LoggedImporter {
  constructor(private readonly log: ImportLog) {}

  @UseInterceptors(AttemptLog)
  @TaskHandler(ImportFile, { attemptTimeout: '1m', backoff: noJitter('1m') })
  async import(task: Task<{ url: string }>) {
    if (this.log.task !== task) {
      throw new Error('never: this instance was made for this task');
    }
  }
}
// #endregion
