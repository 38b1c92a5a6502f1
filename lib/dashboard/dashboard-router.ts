import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, MethodNotAllowedException, NotFoundException } from '@nestjs/common';
import { sendAsset, sendJson, sendRedirect } from './answer.js';
import { assertMayChange } from './csrf-guard.js';
import { DashboardAssets } from './dashboard-assets.js';
import type { MountedUrl } from './mount-path.js';
import { OverviewFeed } from './overview-feed.js';
import { OverviewStream } from './overview-stream.js';
import type { Body } from './request-body.js';
import type { Visitor } from './visitor.js';
import { TasksApi } from './tasks-api.js';

/** A request of a visitor who has access. */
export interface RequestContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly visitor: Visitor;
  /** Aborted when the visitor leaves. */
  readonly signal: AbortSignal;
  readonly body: Body;
  readonly url: MountedUrl;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  /** Returns the value of the JSON response; undefined when it has sent the response itself. */
  readonly run: (context: RequestContext, ...parts: string[]) => unknown;
}

/** Calls the handler of a request's route, or sends a file of the pages. */
@Injectable()
export class DashboardRouter {
  constructor(
    private readonly assets: DashboardAssets,
    private readonly feed: OverviewFeed,
    private readonly stream: OverviewStream,
    private readonly tasks: TasksApi,
  ) {}

  /** @throws HttpException, InvalidOptionError, and what the database throws. */
  async answer(context: RequestContext): Promise<void> {
    const { name, withSlash } = context.url;
    if (name === null) {
      sendRedirect(context.response, withSlash);
    } else if (name.startsWith('api/')) {
      await this.call(name, context);
    } else {
      this.sendFile(name, context);
    }
  }

  private readonly routes: readonly Route[] = [
    route('GET', /^api\/session$/, ({ visitor }) => this.tasks.session(visitor)),
    route('GET', /^api\/overview$/, ({ visitor }) => this.feed.now(visitor)),
    route('GET', /^api\/overview\/stream$/, ({ request, response, visitor }) =>
      this.stream.open(request, response, visitor),
    ),
    route('GET', /^api\/tasks$/, (context) => this.tasks.list(context, context.url.query)),
    route('GET', /^api\/tasks\/(.+)$/, (context, id) => this.tasks.one(context, decoded(id))),
    route('GET', /^api\/workers$/, (context) => this.tasks.workers(context)),
    route('POST', /^api\/tasks\/([^/]+)$/, (context, action) =>
      this.tasks.act(context, action, context.body.read()),
    ),
    route('POST', /^api\/kinds\/([^/]+)\/(pause|resume)$/, (context, kind, verb) => {
      context.body.read();
      return this.tasks.setPaused(context, kind, verb === 'pause');
    }),
  ];

  private async call(name: string, context: RequestContext): Promise<void> {
    const { request, response, visitor } = context;
    const routes = this.routes.filter(({ pattern }) => pattern.test(name));
    const found = routes.find(({ method }) => method === request.method);
    if (!found) {
      const allowed = routes.map(({ method }) => method);
      throw refuseMethod(response, allowed);
    }
    if (found.method === 'POST') {
      assertMayChange(request, visitor.access);
    }
    const [, ...parts] = found.pattern.exec(name)!;
    const answer = await found.run(context, ...parts);
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

function route<Parts extends string[]>(
  method: Route['method'],
  pattern: RegExp,
  run: (context: RequestContext, ...parts: Parts) => unknown,
): Route {
  return { method, pattern, run: run as Route['run'] };
}

function refuseMethod(response: ServerResponse, allowed: readonly string[]): Error {
  if (allowed.length === 0) {
    return new NotFoundException('There is nothing here');
  }
  response.setHeader('Allow', allowed.join(', '));
  return new MethodNotAllowedException(`Only ${allowed.join(' and ')}`);
}
