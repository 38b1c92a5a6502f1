import { Logger, StandardSchemaValidationPipe, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

/** What a process tells the one that started it. */
export interface Listening {
  listening: string;
}

/** Runs a process of the shop until SIGTERM or Ctrl-C; running tasks are then finished first. */
export async function serve(module: Type): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(module);
  app.useGlobalPipes(new StandardSchemaValidationPipe());
  app.enableShutdownHooks();
  // Whoever started it is gone.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  await app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  const url = await app.getUrl();
  new Logger('Shop').log(`listening on ${url}`);
  process.send?.({ listening: url } satisfies Listening);
}
