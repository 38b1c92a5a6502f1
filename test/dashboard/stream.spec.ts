import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, onTestFinished, vi } from 'vitest';
import type { Authorization, PgQueueDashboardOptions } from '../../lib/dashboard/index.js';
import { DashboardLanes } from '../../lib/dashboard/dashboard-lanes.js';
import { StreamText } from '../../lib/dashboard/overview-event.js';
import { OverviewFeed, type Viewer } from '../../lib/dashboard/overview-feed.js';
import { OverviewStream } from '../../lib/dashboard/overview-stream.js';
import { cutOff } from '../support/cut-off.js';
import { ADAPTERS, createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { type EventStream, openEventStream } from '../support/event-stream.js';
import { databasePerFile, deferred, newKind, until } from '../support/index.js';

const { it, database } = databasePerFile({});

afterEach(() => vi.restoreAllMocks());

describe.each(ADAPTERS)('with %s', (adapter) => {
  let dashboard: DashboardApp;

  async function start(
    authorize: PgQueueDashboardOptions['authorize'] = () => true,
    periods = { period: 50, heartbeat: 10_000 },
  ): Promise<void> {
    const app = await createDashboardApp({
      url: database.url,
      adapter,
      dashboard: { authorize },
      times: periods,
    });
    onTestFinished(() => app.close());
    dashboard = app;
  }

  async function watch(headers: Record<string, string> = {}): Promise<EventStream> {
    const viewer = await openEventStream(`${dashboard.origin}/pgqueue/api/overview/stream`, headers);
    onTestFinished(() => viewer.leave());
    return viewer;
  }

  it('sends the overview again and again, as it is then', async () => {
    await start();
    const viewer = await watch();
    expect(viewer.status).toBe(200);
    expect(viewer.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      connection: 'close',
    });
    const { data } = await viewer.next('overview');
    expect(data).toMatchObject({ kinds: expect.any(Array), workers: { live: 0, lost: 0 } });
    const kind = newKind();
    await dashboard.admin.pause(kind);
    await until(async () =>
      (await viewer.next('overview')).data.kinds.some(
        (shown: any) => shown.kind === kind.kind && shown.pausedAt,
      ),
    );
    await dashboard.admin.resume(kind);
  });

  it('sends it compressed to those who take it', async () => {
    await start();
    const viewer = await watch({ 'accept-encoding': 'gzip, br' });
    expect(viewer.headers['content-encoding']).toBe('gzip');
    const first = await viewer.next('overview');
    const second = await viewer.next('overview');
    expect(second.data.at > first.data.at).toBe(true);
  });

  it('asks once for all who watch, and not at all when nobody does', async () => {
    await start();
    const asked = vi.spyOn(dashboard.app.get(DashboardLanes).overview, 'run');
    const [one, two] = [await watch(), await watch()];
    await Promise.all([one, two].map((viewer) => until(() => viewer.events.length >= 5)));
    const shared = times(one).filter((at) => times(two).includes(at));
    expect(shared.length).toBeGreaterThanOrEqual(4);
    expect(asked.mock.calls.length).toBeLessThanOrEqual(new Set([...times(one), ...times(two)]).size + 1);

    one.leave();
    const { length } = two.events;
    await until(() => two.events.length > length + 2);
    two.leave();
    await until(() => !dashboard.app.get(OverviewFeed)['running']);
    const again = await watch();
    await again.next('overview');
  });

  it('asks viewers now and then whether they are there and may be', async () => {
    let answer: Authorization = true;
    await start(() => answer, { period: 10_000, heartbeat: 20 });
    const viewer = await watch();
    await until(() => viewer.comments() >= 3);
    answer = 'read-only';
    const before = viewer.comments();
    await until(() => viewer.comments() >= before + 3);
    answer = false;
    await viewer.ended;
    expect((await watch()).status).toBe(403);
  });

  it('lets authorize set a header each time that it is asked', async () => {
    let mayLook = true;
    const authorize: PgQueueDashboardOptions['authorize'] = (_, response) => {
      response.setHeader('Set-Cookie', 'session=1');
      return mayLook;
    };
    await start(authorize, { period: 10_000, heartbeat: 20 });
    const logged = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    const viewer = await watch();
    expect(viewer.headers['set-cookie']).toEqual(['session=1']);
    await until(() => viewer.comments() >= 3);
    mayLook = false;
    await viewer.ended;
    expect(logged).not.toHaveBeenCalled();
  });

  it.each(['gzip', 'identity'])('forgets a viewer who leaves while he is asked (%s)', async (encoding) => {
    const asked = deferred();
    const answered = deferred();
    const left = deferred();
    await start(async (_, response) => {
      response.once('close', left.resolve);
      asked.resolve();
      await answered.promise;
      return true;
    });
    const opened = vi.spyOn(dashboard.app.get(OverviewStream), 'open');
    const call = request(`${dashboard.origin}/pgqueue/api/overview/stream`, {
      headers: { 'accept-encoding': encoding },
    });
    call.on('error', () => undefined).end();
    await asked.promise;
    call.destroy();
    await left.promise;
    answered.resolve();
    await until(() => opened.mock.calls.length === 1);
    await until(() => !dashboard.app.get(OverviewFeed)['running']);
    expect(dashboard.app.get(OverviewFeed)['viewers'].size).toBe(0);
  });

  it('does not hold up the end of the application', async () => {
    await start();
    const [plain, zipped] = [await watch(), await watch({ 'accept-encoding': 'gzip' })];
    await Promise.all([plain.next('overview'), zipped.next('overview')]);
    const ended = Promise.all([plain.ended, zipped.ended]);
    await dashboard.close();
    await expect(ended).resolves.toHaveLength(2);
  });

  it('tells of a database that is away, and goes on when it is back', async () => {
    const failed = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const recovered = vi.spyOn(Logger.prototype, 'log');
    await start();
    const viewer = await watch();
    await viewer.next('overview');
    const restore = await cutOff(database);
    const { data } = await viewer.next('trouble');
    expect(data).toEqual({ message: 'The database does not answer' });
    await viewer.next('trouble');
    const response = await dashboard.get('/pgqueue/api/tasks');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ message: 'The database does not answer' });
    await dashboard.get('/pgqueue/api/workers');
    await restore();
    await viewer.next('overview');
    expect(failed.mock.calls.filter(([line]) => String(line).startsWith('GET '))).toHaveLength(1);
    expect(failed.mock.calls.filter(([line]) => String(line).startsWith('the overview: '))).toHaveLength(1);
    expect(recovered.mock.calls.filter(([line]) => line === 'the overview: works again')).toHaveLength(1);
  });

  it('lets nothing pile up for a viewer who does not read', async () => {
    await start();
    const watched = vi.spyOn(dashboard.app.get(OverviewFeed), 'watch');
    const { port } = new URL(dashboard.origin);
    const connected = once(dashboard.app.getHttpServer(), 'connection');
    const slow = connect(Number(port), '127.0.0.1');
    slow.pause();
    slow.write(`GET /pgqueue/api/overview/stream HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    const [socket] = (await connected) as [Socket];
    await until(() => watched.mock.calls.length === 1);
    const [[viewer]] = watched.mock.calls as [[Viewer]];
    const large = new StreamText(`:${'x'.repeat(1_000_000)}\n\n`);
    await until(() => {
      viewer.send(large);
      return socket.writableNeedDrain;
    });
    const { writableLength } = socket;
    for (let n = 0; n < 20; n++) {
      viewer.send(large);
    }
    expect(socket.writableLength).toBeLessThanOrEqual(writableLength);
    slow.destroy();
  });
});

const times = ({ events }: EventStream) => events.map(({ data }) => data.at);
