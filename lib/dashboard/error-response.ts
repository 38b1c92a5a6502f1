import { HttpException, Logger } from '@nestjs/common';
import { BusyError } from '../cluster/admin/concurrency-limit.js';
import { errorMessage } from '../errors/error-message.js';
import { framesOf, oneLine } from '../errors/one-line.js';
import { InvalidOptionError, NoAnswerError } from '../errors/pg-queue.errors.js';
import { databaseProblem, sqlState } from '../errors/sql-state.js';
import type { ErrorResponse } from './dashboard-api.js';

const logger = new Logger('PgQueueDashboard');

/** What the errors of pg and TypeORM say that have no code. */
const UNAVAILABLE_MESSAGE =
  /connection (terminated|ended|timeout)|timeout exceeded|not queryable|not (yet )?(connected|established)|read timeout/i;

/** A status and what may be sent. */
interface StatusAndBody {
  readonly status: number;
  readonly body: ErrorResponse;
}

/** The response to a request that failed. It shows visitors nothing of what the database, or the application, has said. */
export function errorResponseOf(error: unknown): StatusAndBody {
  if (error instanceof HttpException) {
    return { status: error.getStatus(), body: { message: error.message } };
  }
  if (error instanceof InvalidOptionError) {
    return { status: 400, body: { message: error.message } };
  }
  if (error instanceof BusyError) {
    return unavailable('Others ask for too much at the moment; try again soon');
  }
  const problem = databaseProblem(sqlState(error));
  if (problem === 'canceled') {
    return unavailable('It took too long, and was given up; a narrower filter takes less');
  }
  if (problem === 'mismatch') {
    return unavailable("The queue's tables are missing, of another version, or not accessible");
  }
  return problem || error instanceof NoAnswerError || UNAVAILABLE_MESSAGE.test(errorMessage(error))
    ? unavailable('The database does not answer')
    : { status: 500, body: { message: "Something went wrong; the application's log says what" } };
}

/** Logs what the response leaves out. The stack is logged only of a bug, not of a database that is unavailable. */
export function logFailure(what: string, status: number, error: unknown): void {
  const line = oneLine(`${what}: ${errorMessage(error)}`);
  if (status === 503) {
    logger.warn(line);
  } else if (status >= 500) {
    logger.error(line, framesOf(error));
  }
}

function unavailable(message: string): StatusAndBody {
  return { status: 503, body: { message } };
}
