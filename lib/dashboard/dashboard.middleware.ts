import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, type NestMiddleware, NotFoundException } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { PgQueueError } from '../errors/pg-queue.errors.js';
import { protect, sendJson } from './answer.js';
import { DashboardRouter } from './dashboard-router.js';
import { DASHBOARD_OPTIONS, type ResolvedDashboardOptions } from './dashboard.options.js';
import { AccessGuard } from './access-guard.js';
import { MountPath } from './mount-path.js';
import { logRefused, refusalOf } from './error-response.js';
import { readBody } from './request-body.js';
import type { Visitor } from './visitor.js';

/** What is asked for him is given up. */
class VisitorLeftError extends PgQueueError {
  readonly code = 'PGQUEUE_VISITOR_LEFT';
}

/** Open pages ask again and again while the database is away: one line in so long is enough. */
const QUIET_MS = 60_000;

/**
 * The dashboard as middleware: it runs before guards, pipes, interceptors and filters, and answers by itself, so that none of the
 * application's changes what it says.
 */
@Injectable()
export class DashboardMiddleware implements NestMiddleware {
  private readonly mount: MountPath;
  private quietUntil = 0;

  constructor(
    private readonly accessGuard: AccessGuard,
    private readonly router: DashboardRouter,
    @Inject(DASHBOARD_OPTIONS) { path }: ResolvedDashboardOptions,
    config: ApplicationConfig,
  ) {
    // Middleware is made when the application is initialized, and has its prefix.
    this.mount = new MountPath(path, config.getGlobalPrefix());
  }

  async use(request: IncomingMessage & { originalUrl?: string }, response: ServerResponse): Promise<void> {
    const url = request.originalUrl ?? request.url ?? '';
    // The adapters leave out of it what they mount the dashboard by.
    request.url = url;
    const leaving = new AbortController();
    response.once('close', () => leaving.abort(new VisitorLeftError('the visitor has left')));
    protect(response);
    try {
      const body = await readBody(request);
      const visitor = await this.admit(request, response);
      if (response.headersSent) {
        return; // `authorize` has answered by itself, such as by a redirect to where one signs in
      }
      const place = this.mount.find(url);
      if (!place) {
        throw new NotFoundException('There is nothing here');
      }
      await this.router.answer({ request, response, visitor, signal: leaving.signal, body, place });
    } catch (error) {
      this.refuse(`${request.method} ${url.split('?', 1)[0]}`, response, error);
    }
  }

  /** Headers that `authorize` sets can't take away what protects the pages. */
  private async admit(request: IncomingMessage, response: ServerResponse): Promise<Visitor> {
    try {
      return await this.accessGuard.admit(request, response);
    } finally {
      if (!response.headersSent) {
        protect(response);
      }
    }
  }

  private refuse(asked: string, response: ServerResponse, error: unknown): void {
    if (response.destroyed) {
      return; // a visitor who has left
    }
    const { status, refusal } = refusalOf(error);
    if (status !== 503) {
      logRefused(asked, status, error);
    } else if (performance.now() >= this.quietUntil) {
      this.quietUntil = performance.now() + QUIET_MS;
      logRefused(asked, status, error);
    }
    if (!response.headersSent) {
      sendJson(response, status, refusal);
    }
  }
}
