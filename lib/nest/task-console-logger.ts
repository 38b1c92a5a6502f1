import { ConsoleLogger, Injectable } from '@nestjs/common';
import { oneLine } from '../errors/one-line.js';
import { currentTask } from '../task/current-task.js';

/**
 * Nest's console logger, whose lines say which task they were written for: `[send-mail 42 #1]` behind the context, a field `task`
 * with `json: true`. `NestFactory.create(AppModule, { logger: new TaskConsoleLogger() })`, with the options of `ConsoleLogger`.
 * @publicApi
 */
@Injectable()
export class TaskConsoleLogger extends ConsoleLogger {
  protected override formatContext(context: string): string {
    const task = currentTask();
    const own = super.formatContext(context);
    // A name can't forge a line.
    return task ? `${own}[${oneLine(task.name)} ${task.id} #${task.attempt}] ` : own;
  }

  protected override getJsonLogObject(...args: Parameters<ConsoleLogger['getJsonLogObject']>) {
    const task = currentTask();
    const line = super.getJsonLogObject(...args);
    return task ? { ...line, task: { ...task, name: oneLine(task.name) } } : line;
  }
}
