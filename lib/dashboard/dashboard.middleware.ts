import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, type NestMiddleware, NotFoundException } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { protect, sendJson } from './answer.js';
import { DashboardRouter } from './dashboard-router.js';
import { DASHBOARD_OPTIONS, type ResolvedDashboardOptions } from './dashboard.options.js';
import { Doorkeeper } from './doorkeeper.js';
import { MountPath } from './mount-path.js';
import { logRefused, refusalOf } from './refusal.js';

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
    private readonly doorkeeper: Doorkeeper,
    private readonly router: DashboardRouter,
    @Inject(DASHBOARD_OPTIONS) { path }: ResolvedDashboardOptions,
    config: ApplicationConfig,
  ) {
    // Middleware is made when the application is initialized, and has its prefix.
    this.mount = new MountPath(path, config.getGlobalPrefix());
  }

  async use(request: IncomingMessage & { originalUrl?: string }, response: ServerResponse): Promise<void> {
    const url = request.originalUrl ?? request.url ?? '';
    protect(response);
    try {
      const access = await this.doorkeeper.admit(request, response);
      const place = this.mount.find(url);
      if (!place) {
        throw new NotFoundException('There is nothing here');
      }
      await this.router.answer({ request, response, access, place });
    } catch (error) {
      this.refuse(`${request.method} ${url.split('?', 1)[0]}`, response, error);
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
