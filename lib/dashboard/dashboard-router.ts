import type { IncomingMessage, ServerResponse } from 'node:http';
import { MethodNotAllowedException, NotFoundException } from '@nestjs/common';
import { sendAsset, sendJson, sendTo } from './answer.js';
import { assertMayChange } from './csrf-guard.js';
import type { Session } from './dashboard-api.js';
import type { DashboardAssets } from './dashboard-assets.js';
import type { MountedUrl } from './mount-path.js';
import type { OverviewFeed } from './overview-feed.js';
import type { OverviewStream } from './overview-stream.js';
import type { Body } from './request-body.js';
import type { Visitor } from './visitor.js';
import type { TasksApi } from './tasks-api.js';

/** A request of somebody who was let in. */
export interface RequestContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly visitor: Visitor;
  /** Aborted when he leaves. */
  readonly signal: AbortSignal;
  readonly body: Body;
  readonly place: MountedUrl;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  /** Answers what is sent as JSON; undefined where it has answered itself. */
  readonly run: (visit: RequestContext, ...parts: string[]) => unknown;
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
  async answer(visit: RequestContext): Promise<void> {
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
    get(/^api\/session$/, ({ visitor }): Session => this.session(visitor)),
    get(/^api\/overview$/, ({ visitor }) => this.feed.now(visitor)),
    get(/^api\/overview\/stream$/, ({ request, response, visitor }) =>
      this.stream.open(request, response, visitor),
    ),
    get(/^api\/tasks$/, (visit) => this.tasks.list(visit, visit.place.query)),
    get(/^api\/tasks\/(.+)$/, (visit, id) => this.tasks.one(visit, decoded(id))),
    get(/^api\/workers$/, (visit) => this.tasks.workers(visit)),
    post(/^api\/tasks\/([^/]+)$/, (visit, action) => this.tasks.act(visit, action, visit.body.read())),
    post(/^api\/kinds\/([^/]+)\/(pause|resume)$/, (visit, kind, verb) => {
      visit.body.read();
      return this.tasks.setPaused(visit, kind, verb === 'pause');
    }),
  ];

  private session({ user, access, actsOn }: Visitor): Session {
    const { isRedacted: redacted, shardNames: shards } = this.tasks;
    return { user, access, actsOn: actsOn && [...actsOn], redacted, shards };
  }

  private async call(name: string, visit: RequestContext): Promise<void> {
    const { request, response, visitor } = visit;
    const routes = this.routes.filter(({ pattern }) => pattern.test(name));
    const route = routes.find(({ method }) => method === request.method);
    if (!route) {
      throw refuseMethod(
        response,
        routes.map(({ method }) => method),
      );
    }
    if (route.method === 'POST') {
      assertMayChange(request, visitor.access);
    }
    const [, ...parts] = route.pattern.exec(name)!;
    const answer = await route.run(visit, ...parts);
    if (answer !== undefined) {
      sendJson(response, 200, answer);
    }
  }

  private sendFile(name: string, { request, response }: RequestContext): void {
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
  run: (visit: RequestContext, ...parts: Parts) => unknown,
): Route {
  return { method: 'GET', pattern, run: run as Route['run'] };
}

function post<Parts extends string[]>(
  pattern: RegExp,
  run: (visit: RequestContext, ...parts: Parts) => unknown,
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
