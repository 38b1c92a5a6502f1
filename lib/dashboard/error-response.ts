import { HttpException, Logger } from '@nestjs/common';
import { BusyError } from '../admin/concurrency-limit.js';
import { errorMessage } from '../errors/error-message.js';
import { framesOf, oneLine } from '../errors/one-line.js';
import { InvalidOptionError, NoAnswerError } from '../errors/pg-queue.errors.js';
import type { ErrorResponse } from './dashboard-api.js';

const logger = new Logger('PgQueueDashboard');

/** Connections that are refused, broken or too many, a server that stops or stands by, statements that took too long. */
const AWAY = /^(08|25006|28|3D|53|55|57|E[A-Z]{3})/;
/** A statement that took too long. */
const QUERY_CANCELED = '57014';
/** Tables, columns or privileges that are not there. */
const MISMATCH = /^(3F|42)/;
/** What pg and TypeORM say without a code. */
const AWAY_MESSAGE =
  /connection (terminated|ended|timeout)|timeout exceeded|not queryable|not (yet )?(connected|established)|read timeout/i;

/** What a visitor is told of an error, and by which status: nothing of what went on inside. */
export function refusalOf(error: unknown): { status: number; refusal: ErrorResponse } {
  if (error instanceof HttpException) {
    return { status: error.getStatus(), refusal: { message: error.message } };
  }
  if (error instanceof InvalidOptionError) {
    return { status: 400, refusal: { message: error.message } };
  }
  if (error instanceof BusyError) {
    return unavailable('Others ask for too much at the moment; try again soon');
  }
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === QUERY_CANCELED) {
    return unavailable('It took too long, and was given up; a narrower filter takes less');
  }
  if (MISMATCH.test(String(code))) {
    return unavailable("The queue's tables are missing, of another version, or not accessible");
  }
  if (AWAY.test(String(code)) || error instanceof NoAnswerError || AWAY_MESSAGE.test(errorMessage(error))) {
    return unavailable('The database does not answer');
  }
  return { status: 500, refusal: { message: "Something went wrong; the application's log says what" } };
}

/** Writes down what the visitor is not told. A database that is away is no bug to be found by a stack. */
export function logRefused(what: string, status: number, error: unknown): void {
  const line = oneLine(`${what}: ${errorMessage(error)}`);
  if (status === 503) {
    logger.warn(line);
  } else if (status >= 500) {
    logger.error(line, framesOf(error));
  }
}

function unavailable(message: string): { status: number; refusal: ErrorResponse } {
  return { status: 503, refusal: { message } };
}
