import { Injectable, Logger, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { currentTask, TaskConsoleLogger } from 'nestjs-pgqueue';
import { type DestinationStream, pino } from 'pino';

// #region console
export function createApp(AppModule: Type) {
  return NestFactory.createApplicationContext(AppModule, { logger: new TaskConsoleLogger({ json: true }) });
}
// #endregion

// #region anywhere
@Injectable()
export class Geocoder {
  private readonly logger = new Logger(Geocoder.name);

  async locate(address: string) {
    this.logger.log(`looking for ${address}`); // within a handler the line says for which task
    return { address, userAgent: `shop/1.0 (${currentTask()?.name ?? 'web'})` };
  }
}
// #endregion

// #region pino
/** `pinoHttp: { mixin: … }` with nestjs-pino. */
export const createPino = (destination?: DestinationStream) =>
  pino({ mixin: () => ({ task: currentTask() }) }, destination);
// #endregion
