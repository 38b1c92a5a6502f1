import type { IncomingMessage, ServerResponse } from 'node:http';
import { ForbiddenException, HttpException, Logger, ServiceUnavailableException } from '@nestjs/common';
import { inTime } from '../task/in-time.js';
import { NoAnswerError } from '../task/task.errors.js';
import type { AllowedHosts } from './allowed-hosts.js';
import type { PgQueueDashboardOptions } from './dashboard.options.js';
import { isFromThisMachine } from './this-machine.js';
import { type Visitor, visitorOf } from './visitor.js';

type Authorize = NonNullable<PgQueueDashboardOptions['authorize']>;

/** An `authorize` that has not answered by then will not. */
const PATIENCE_MS = 10_000;

/** Lets visitors in, or does not. */
export class Doorkeeper {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly authorize: Authorize;

  constructor(
    authorize: Authorize | undefined,
    private readonly hosts: AllowedHosts,
    private readonly patienceMs = PATIENCE_MS,
  ) {
    if (!authorize) {
      this.logger.warn('there is no `authorize`: whoever uses this machine may see and change the tasks');
    }
    this.authorize = authorize ?? isFromThisMachine;
  }

  /** @throws HttpException with the status to answer when the visitor must stay outside. */
  async admit(request: IncomingMessage, response: ServerResponse): Promise<Visitor> {
    this.hosts.check(request);
    const visitor = await this.ask(request, response);
    if (visitor === null) {
      throw new ForbiddenException('Forbidden');
    }
    return visitor;
  }

  private async ask(request: IncomingMessage, response: ServerResponse): Promise<Visitor | null> {
    try {
      const asked = Promise.resolve(this.authorize(request as never, response));
      return visitorOf(await inTime(this.patienceMs, asked));
    } catch (error) {
      if (error instanceof HttpException && error.getStatus() >= 400 && error.getStatus() < 500) {
        throw error;
      }
      if (error instanceof NoAnswerError) {
        this.logger.error(
          `authorize has not answered within ${this.patienceMs} ms, the visitor was turned away`,
        );
        throw new ServiceUnavailableException('Whether you may see this could not be found out in time');
      }
      this.logger.error('authorize failed, the visitor was turned away', error);
      return null;
    }
  }
}
