import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Scope,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector, REQUEST } from '@nestjs/core';
import { type Observable, tap } from 'rxjs';
import { defineTask, isPgQueueContext, noJitter, type Task, TaskHandler } from '../../lib/index.js';

export const WORK = defineTask<string>({
  kind: 1,
  attemptTimeout: '5s',
  backoff: noJitter('1h'),
  maxAttempts: 1,
  terminalTasksTtl: '1h',
});

export const lines: string[] = [];

@Injectable()
export class Words {
  readonly before = 'before';
}

/** Writes down what it was called for. */
@Injectable()
export class Writing implements NestInterceptor {
  @Inject() protected readonly words!: Words;
  @Inject() private readonly reflector!: Reflector;

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const name = this.constructor.name;
    const [task] = context.getArgs<[Task<string>]>();
    const role = this.reflector.get<string>('role', context.getHandler());
    lines.push(
      `${name} ${this.words.before} ${context.getType<string>()} ${context.getClass().name}.${context.getHandler().name} ${role} ${task.payload}`,
    );
    return next.handle().pipe(tap((answer) => lines.push(`${name} after ${String(answer)}`)));
  }
}

export class OfMethod extends Writing {}
export class OfClass extends Writing {}
export class OfApplication extends Writing {}

@Injectable({ scope: Scope.REQUEST })
export class PerRequest extends Writing {
  constructor(@Inject(REQUEST) private readonly task: Task<string>) {
    super();
  }

  override intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    lines.push(`${this.words.before} same task: ${context.getArgByIndex(0) === this.task}`);
    return super.intercept(context, next);
  }
}

@Injectable({ scope: Scope.TRANSIENT })
export class PerHost extends Writing {}

@Injectable()
export class Denying implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    lines.push(`guard ${isPgQueueContext(context)}`);
    return false;
  }
}

/** A filter for what it answers. */
export function filterThatAnswers(answer: unknown): new () => ExceptionFilter {
  @Catch()
  class Filter implements ExceptionFilter {
    catch(error: Error, host: ArgumentsHost): unknown {
      lines.push(`filter ${host.getType<string>()} ${error.message}`);
      return answer;
    }
  }
  return Filter;
}

export const Answering = filterThatAnswers('never mind');
export const Looking = filterThatAnswers(undefined);

@Injectable()
@UseInterceptors(OfClass)
export class Decorated {
  @SetMetadata('role', 'worker')
  @UseInterceptors(OfMethod)
  @TaskHandler(WORK)
  async work({ payload }: Task<string>) {
    lines.push(`handler ${payload}`);
    return 'answer';
  }
}

@Injectable()
export class Plain {
  @TaskHandler(WORK)
  work({ payload }: Task<string>) {
    lines.push(`handler ${payload}`);
    if (payload === 'fail') {
      throw new Error('failed');
    }
  }
}
