import type { LoggerService } from '@nestjs/common';

function nothing(): void {}

/** Tests read what they need from the queue; their applications need not write it. */
export const silentLogger: LoggerService = {
  log: nothing,
  error: nothing,
  warn: nothing,
  debug: nothing,
  verbose: nothing,
  fatal: nothing,
};
