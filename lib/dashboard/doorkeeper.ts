import type { IncomingMessage, ServerResponse } from 'node:http';
import { ForbiddenException, HttpException, Logger } from '@nestjs/common';
import type { DashboardAccess } from './dashboard-api.js';
import type { PgQueueDashboardOptions } from './dashboard.options.js';
import { isFromThisMachine } from './this-machine.js';

type Authorize = NonNullable<PgQueueDashboardOptions['authorize']>;

/** Lets visitors in, or does not. */
export class Doorkeeper {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly authorize: Authorize;

  constructor(authorize: Authorize | undefined) {
    if (!authorize) {
      this.logger.warn('there is no `authorize`: whoever uses this machine may see and change the tasks');
    }
    this.authorize = authorize ?? isFromThisMachine;
  }

  /** @throws HttpException with the status to answer when the visitor must stay outside. */
  async admit(request: IncomingMessage, response: ServerResponse): Promise<DashboardAccess> {
    const answer = await this.ask(request, response);
    if (answer === true) {
      return 'full';
    }
    if (answer === 'read-only') {
      return answer;
    }
    throw new ForbiddenException('Forbidden');
  }

  private async ask(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    try {
      return await this.authorize(request, response);
    } catch (error) {
      if (error instanceof HttpException && error.getStatus() >= 400 && error.getStatus() < 500) {
        throw error;
      }
      this.logger.error('authorize failed, the visitor was turned away', error);
      return false;
    }
  }
}
