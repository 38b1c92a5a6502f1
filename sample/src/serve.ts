import { StandardSchemaValidationPipe, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { TaskConsoleLogger } from 'nestjs-pgqueue';

/** What a process tells the one that started it. */
export interface Listening {
  listening: string;
}

/** Runs a process of the shop until SIGTERM or Ctrl-C; running tasks are then finished first. */
export async function serve(name: string, module: Type): Promise<void> {
  const logger = new ShopLogger({ prefix: process.env['WORKER_NAME'] ?? name });
  const app = await NestFactory.create<NestExpressApplication>(module, { logger });
  app.useGlobalPipes(new StandardSchemaValidationPipe());
  app.enableShutdownHooks();
  // Whoever started it is gone.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  await app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  const url = await app.getUrl();
  logger.log(`listening on ${url}`, 'Shop');
  process.send?.({ listening: url } satisfies Listening);
}

/** With the task that a line is of, and without Nest's forty lines about its own modules and routes. */
class ShopLogger extends TaskConsoleLogger {
  private static readonly unwanted = new Set<unknown>(['InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

  override log(message: unknown, ...rest: unknown[]): void {
    if (!ShopLogger.unwanted.has(rest.at(-1))) {
      super.log(message, ...rest);
    }
  }
}
