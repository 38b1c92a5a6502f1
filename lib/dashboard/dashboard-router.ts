import type { IncomingMessage, ServerResponse } from 'node:http';
import { MethodNotAllowedException, NotFoundException } from '@nestjs/common';
import { sendAsset, sendJson, sendTo } from './answer.js';
import { assertMayChange } from './change-guard.js';
import type { DashboardAccess, Session } from './dashboard-api.js';
import type { DashboardAssets } from './dashboard-assets.js';
import type { Place } from './mount-path.js';
import type { OverviewFeed } from './overview-feed.js';
import type { OverviewStream } from './overview-stream.js';
import { readJsonBody } from './request-body.js';
import type { TasksApi } from './tasks-api.js';

/** A request of somebody who was let in. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly access: DashboardAccess;
  readonly place: Place;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  /** Answers what is sent as JSON; undefined where it has answered itself. */
  readonly run: (visit: Visit, ...parts: string[]) => unknown;
}

/** Leads requests to what answers them. */
export class DashboardRouter {
  constructor(
    private readonly assets: DashboardAssets,
    private readonly feed: OverviewFeed,
    private readonly stream: OverviewStream,
    private readonly tasks: TasksApi,
  ) {}

  /** @throws HttpException, InvalidOptionError, and what the database throws. */
  async answer(visit: Visit): Promise<void> {
    const { name, withSlash } = visit.place;
    if (name === null) {
      sendTo(visit.response, withSlash);
    } else if (name.startsWith('api/')) {
      await this.call(name, visit);
    } else {
      this.sendFile(name, visit);
    }
  }

  private readonly routes: readonly Route[] = [
    get(/^api\/session$/, ({ access }): Session => this.session(access)),
    get(/^api\/overview$/, () => this.feed.now()),
    get(/^api\/overview\/stream$/, ({ request, response }) => this.stream.open(request, response)),
    get(/^api\/tasks$/, ({ place }) => this.tasks.list(place.query)),
    get(/^api\/tasks\/(.+)$/, (_, id) => this.tasks.one(decoded(id))),
    get(/^api\/workers$/, () => this.tasks.workers()),
    post(/^api\/tasks\/([^/]+)$/, async ({ request }, action) =>
      this.tasks.act(action, await readJsonBody(request)),
    ),
    post(/^api\/kinds\/([^/]+)\/(pause|resume)$/, async ({ request }, kind, verb) => {
      await readJsonBody(request);
      return this.tasks.setPaused(kind, verb === 'pause');
    }),
  ];

  private session(access: DashboardAccess): Session {
    const { isRedacted: redacted, shardNames: shards } = this.tasks;
    return { access, redacted, shards };
  }

  private async call(name: string, visit: Visit): Promise<void> {
    const { request, response, access } = visit;
    const routes = this.routes.filter(({ pattern }) => pattern.test(name));
    const route = routes.find(({ method }) => method === request.method);
    if (!route) {
      throw refuseMethod(
        response,
        routes.map(({ method }) => method),
      );
    }
    if (route.method === 'POST') {
      assertMayChange(request, access);
    }
    const [, ...parts] = route.pattern.exec(name)!;
    const answer = await route.run(visit, ...parts);
    if (answer !== undefined) {
      sendJson(response, 200, answer);
    }
  }

  private sendFile(name: string, { request, response }: Visit): void {
    const asset = this.assets.find(name);
    if (!asset || !['GET', 'HEAD'].includes(request.method ?? '')) {
      throw refuseMethod(response, asset ? ['GET', 'HEAD'] : []);
    }
    sendAsset(request, response, asset);
  }
}

/** @throws NotFoundException for what no page encodes like this */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new NotFoundException('There is nothing here');
  }
}

function get<Parts extends string[]>(
  pattern: RegExp,
  run: (visit: Visit, ...parts: Parts) => unknown,
): Route {
  return { method: 'GET', pattern, run: run as Route['run'] };
}

function post<Parts extends string[]>(
  pattern: RegExp,
  run: (visit: Visit, ...parts: Parts) => unknown,
): Route {
  return { method: 'POST', pattern, run: run as Route['run'] };
}

function refuseMethod(response: ServerResponse, allowed: readonly string[]): Error {
  if (allowed.length === 0) {
    return new NotFoundException('There is nothing here');
  }
  response.setHeader('Allow', allowed.join(', '));
  return new MethodNotAllowedException(`Only ${allowed.join(' and ')}`);
}
