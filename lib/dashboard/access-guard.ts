import { type IncomingMessage, ServerResponse } from 'node:http';
import { ForbiddenException, HttpException, Logger, ServiceUnavailableException } from '@nestjs/common';
import { errorMessage } from '../errors/error-message.js';
import { inTime } from '../timing/timeout.js';
import { framesOf, oneLine } from '../errors/one-line.js';
import { NoAnswerError } from '../errors/pg-queue.errors.js';
import type { AllowedHosts } from './allowed-hosts.js';
import { withoutSecrets } from './bare-request.js';
import type { PgQueueDashboardOptions } from './dashboard.options.js';
import { isLoopbackRequest } from './loopback.js';
import { type Visitor, visitorOf } from './visitor.js';

type Authorize = NonNullable<PgQueueDashboardOptions['authorize']>;

/** How long `authorize` may take. */
const PATIENCE_MS = 10_000;

/** Decides who has access to the dashboard. */
export class AccessGuard {
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
    this.authorize = authorize ?? isLoopbackRequest;
  }

  /** @throws HttpException with the status of the response when the visitor has no access */
  async admit(request: IncomingMessage, response: ServerResponse): Promise<Visitor> {
    const allowed = this.hosts.allow(request);
    if (allowed === false) {
      throw this.hosts.forbid(request);
    }
    const visitor = await this.visitorOf(request, response);
    if (visitor === null) {
      throw new ForbiddenException('Forbidden');
    }
    if (allowed === undefined && (await this.isOpen(request))) {
      throw this.hosts.forbid(request);
    }
    return visitor;
  }

  /** Whether the request has access without its secrets. Then its origin grants the access, which a page of another site would share. */
  private async isOpen(request: IncomingMessage): Promise<boolean> {
    const bare = withoutSecrets(request);
    try {
      return visitorOf(await this.callAuthorize(bare, new ServerResponse(bare))) !== null;
    } catch (error) {
      return error instanceof NoAnswerError;
    }
  }

  private async visitorOf(request: IncomingMessage, response: ServerResponse): Promise<Visitor | null> {
    try {
      return visitorOf(await this.callAuthorize(request, response));
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
      const line = `authorize failed, the visitor was turned away: ${errorMessage(error)}`;
      this.logger.error(oneLine(line), framesOf(error));
      return null;
    }
  }

  private callAuthorize(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    return inTime(this.patienceMs, (async () => this.authorize(request as never, response))());
  }
}
