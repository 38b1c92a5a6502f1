import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, type NestMiddleware, NotFoundException } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { PgQueueError } from '../errors/pg-queue.errors.js';
import { protect, sendJson } from './answer.js';
import { DashboardRouter } from './dashboard-router.js';
import { DASHBOARD_OPTIONS, type ResolvedDashboardOptions } from './dashboard.options.js';
import { AccessGuard } from './access-guard.js';
import { LogLimit } from './log-limit.js';
import { MountPath } from './mount-path.js';
import { errorResponseOf, logFailure } from './error-response.js';
import { readBody } from './request-body.js';
import type { Visitor } from './visitor.js';

/** Aborts what runs for a visitor who has left. */
class VisitorLeftError extends PgQueueError {
  readonly code = 'PGQUEUE_VISITOR_LEFT';
}

/**
 * The dashboard as middleware. It runs before guards, pipes, interceptors and filters, and sends its responses itself, so that those of
 * the application cannot change them.
 */
@Injectable()
export class DashboardMiddleware implements NestMiddleware {
  private readonly mount: MountPath;
  private readonly unavailable = new LogLimit();

  constructor(
    private readonly guard: AccessGuard,
    private readonly router: DashboardRouter,
    @Inject(DASHBOARD_OPTIONS) { path }: ResolvedDashboardOptions,
    config: ApplicationConfig,
  ) {
    // Nest creates middleware when it initializes the application, which has its global prefix by then.
    this.mount = new MountPath(path, config.getGlobalPrefix());
  }

  async use(request: IncomingMessage & { originalUrl?: string }, response: ServerResponse): Promise<void> {
    const url = request.originalUrl ?? request.url ?? '';
    // Express and Fastify cut the mount path off, each in its own way.
    request.url = url;
    const leaving = new AbortController();
    response.once('close', () => leaving.abort(new VisitorLeftError('the visitor has left')));
    protect(response);
    try {
      const body = await readBody(request);
      const visitor = await this.admit(request, response);
      if (response.headersSent) {
        return; // `authorize` has sent a response itself, such as a redirect to a sign-in page
      }
      const mounted = this.mount.find(url);
      if (!mounted) {
        throw new NotFoundException('There is nothing here');
      }
      await this.router.answer({ request, response, visitor, signal: leaving.signal, body, url: mounted });
    } catch (error) {
      this.sendError(`${request.method} ${url.split('?', 1)[0]}`, response, error);
    }
  }

  /** Sets the protecting headers again, which `authorize` may have changed. */
  private async admit(request: IncomingMessage, response: ServerResponse): Promise<Visitor> {
    try {
      return await this.guard.admit(request, response);
    } finally {
      if (!response.headersSent) {
        protect(response);
      }
    }
  }

  private sendError(requested: string, response: ServerResponse, error: unknown): void {
    if (response.destroyed) {
      return; // a visitor who has left
    }
    const { status, body } = errorResponseOf(error);
    if (status !== 503 || this.unavailable.allows('any request')) {
      logFailure(requested, status, error);
    }
    if (!response.headersSent) {
      sendJson(response, status, body);
    }
  }
}
