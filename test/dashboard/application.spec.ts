import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  VersioningType,
} from '@nestjs/common';
import { describe, expect, onTestFinished } from 'vitest';
import {
  ADAPTERS,
  createDashboardApp,
  type DashboardApp,
  type DashboardAppOptions,
  FROM_PAGE,
} from '../support/dashboard-app.js';
import { openEventStream } from '../support/event-stream.js';
import { databasePerFile } from '../support/index.js';

const { it, database } = databasePerFile({});

describe.each(ADAPTERS)('with %s', (adapter) => {
  let dashboard: DashboardApp;

  async function start(options: Partial<DashboardAppOptions>): Promise<void> {
    const opened = await createDashboardApp({ url: database.url, adapter, ...options });
    onTestFinished(() => opened.close());
    dashboard = opened;
  }

  /** The page, a file, the data, a change, the stream, and nothing. */
  async function tour(base: string) {
    const page = await fetch(`${dashboard.origin}${base}`);
    const session = await dashboard.get(`${base}/api/session`);
    const pause = await fetch(`${dashboard.origin}${base}/api/kinds/1/pause`, {
      method: 'POST',
      headers: FROM_PAGE,
      body: '{}',
    });
    await dashboard.admin.resume(1);
    const stream = await openEventStream(`${dashboard.origin}${base}/api/overview/stream`);
    const { name } = await stream.next('overview');
    stream.leave();
    const missing = await dashboard.get(`${base}/nothing`);
    return {
      leadsTo: page.url.replace(dashboard.origin, ''),
      page: await page.text(),
      file: (await dashboard.get(`${base}/assets/index-9c1d.js`)).status,
      session: await session.json(),
      pause: await pause.json(),
      event: name,
      missing: [missing.status, await missing.json()],
    };
  }

  it.each<[string, string, ((app: INestApplication) => void)[]]>([
    ['a global prefix', '/shop/v0/pgqueue', [prefix('shop/v0')]],
    ['a global prefix of its own name', '/pgqueue/pgqueue', [prefix('/pgqueue/')]],
    [
      'a global prefix that it is excluded from',
      '/pgqueue',
      [prefix('shop', ['pgqueue/{*rest}', 'pgqueue'])],
    ],
    ['versions in the path', '/pgqueue', [versions()]],
    ['a default version', '/pgqueue', [versions('1')]],
    ['the path of a default version', '/v1/pgqueue', [versions('1')]],
    ['a prefix and the path of a default version', '/shop/v1/pgqueue', [prefix('shop'), versions('1')]],
    ['no parser of bodies', '/pgqueue', []],
  ])('works with %s', async (name, base, prepare) => {
    await start({
      prepare: (app) => prepare.forEach((step) => step(app)),
      ...(name === 'no parser of bodies' && { application: { bodyParser: false } }),
    });
    expect(await tour(base)).toEqual(worksAt(base));
  });

  it.each(['ops/queue', '/ops/queue/', 'a.b-c~d'])('works at %s', async (path) => {
    await start({ dashboard: { path, authorize: () => true } });
    const base = `/${path.replaceAll(/^\/|\/$/g, '')}`;
    expect(await tour(base)).toEqual(worksAt(base));
  });

  it('heeds none of the guards, pipes, interceptors and filters of the application', async () => {
    await start({
      prepare: (app) => {
        app.useGlobalGuards({ canActivate: refuse });
        app.useGlobalPipes({ transform: refuse });
        app.useGlobalInterceptors({ intercept: refuse });
        app.useGlobalFilters(new Teapot());
      },
      controllers: [Others],
    });
    expect(await tour('/pgqueue')).toEqual(worksAt('/pgqueue'));
    expect((await dashboard.get('/pgqueue/api/tasks?kind=x')).status).toBe(400);
    expect((await dashboard.get('/pgqueue/api/tasks/404')).status).toBe(404);
    // They are there: the application's own routes meet them.
    expect((await dashboard.get('/others')).status).toBe(418);
  });

  it('comes after the middleware of modules that are imported before it, whose work authorize can see', async () => {
    await start({
      imports: [UserModule],
      dashboard: { authorize: (request) => (request as { user?: string }).user === 'ada' },
    });
    expect(await tour('/pgqueue')).toEqual(worksAt('/pgqueue'));
  });

  it('is shared with no other site, whatever else is', async () => {
    await start({
      prepare: (app) => app.enableCors({ origin: true, credentials: true }),
      controllers: [Others],
    });
    const headers = { origin: 'http://evil.test' };
    const others = await dashboard.get('/others', headers);
    expect(others.headers.get('access-control-allow-origin')).toBe('http://evil.test');
    for (const path of ['/pgqueue/', '/pgqueue/api/session', '/pgqueue/nothing']) {
      const response = await dashboard.get(path, headers);
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

/** What the tour finds where all is well. */
const worksAt = (base: string) => ({
  leadsTo: `${base}/`,
  page: expect.stringContaining('The title of the pages'),
  file: 200,
  session: { user: null, access: 'full', actsOn: null, redacted: false, shards: ['default'] },
  pause: { changed: true },
  event: 'overview',
  missing: [404, { message: 'There is nothing here' }],
});

const refuse = () => {
  throw new Error('the application was asked');
};

@Controller('others')
class Others {
  @Get()
  get() {
    return 'others';
  }
}

@Catch()
class Teapot implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost) {
    const response = host.switchToHttp().getResponse();
    response.status(418).send('teapot');
  }
}

@Module({})
class UserModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    consumer
      .apply((request: { user?: string }, _: unknown, next: () => void) => {
        request.user = 'ada';
        next();
      })
      .forRoutes('{*path}');
  }
}

function prefix(path: string, exclude?: string[]) {
  return (app: INestApplication) => app.setGlobalPrefix(path, exclude && { exclude });
}

function versions(defaultVersion?: string) {
  return (app: INestApplication) =>
    app.enableVersioning({ type: VersioningType.URI, ...(defaultVersion && { defaultVersion }) });
}
