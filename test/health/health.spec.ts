import { Controller, Get, type INestApplication, Injectable } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  defineTask,
  noJitter,
  PgQueueHealthIndicator,
  type PgQueueHealthOptions,
  PgQueueModule,
  type PgQueueModuleOptions,
  QueueService,
  TaskHandler,
} from '../../lib/index.js';
import { cutOff, setReadOnly } from '../support/cut-off.js';
import { deferred, until } from '../support/index.js';
import { typeOrm } from '../support/nest-app.js';
import { silentLogger } from '../support/silent-logger.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H55: health', () => {
  let database: TestDatabase;
  let app: INestApplication;

  beforeEach(async () => {
    gate = deferred();
    patience = {};
    database = await createTestDatabase();
  });

  afterEach(async () => {
    gate.resolve();
    await app.close();
    await database.drop();
  });

  async function start(options: PgQueueModuleOptions = {}, providers: (new () => object)[] = [Worker]) {
    const testing = await Test.createTestingModule({
      imports: [
        typeOrm(database.url),
        PgQueueModule.forRoot(options),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
      providers,
    })
      .setLogger(silentLogger)
      .compile();
    app = testing.createNestApplication();
    await app.listen(0, '127.0.0.1');
  }

  async function check(path = ''): Promise<{ code: number; queue: Record<string, unknown> }> {
    const response = await fetch(`${await app.getUrl()}/health${path}`);
    const { details } = (await response.json()) as { details: { queue: Record<string, unknown> } };
    return { code: response.status, queue: details.queue };
  }

  const comes = (code: number, accept: (queue: Record<string, unknown>) => boolean = () => true) =>
    until(async () => {
      const answer = await check();
      return answer.code === code && accept(answer.queue) ? answer : undefined;
    });

  it('is up while tasks are claimed, down when processing was stopped, and up when it goes on', async () => {
    await start();
    expect(await check()).toMatchObject({ code: 200, queue: { status: 'up', processing: true, kinds: 1 } });
    await app.get(QueueService).stop();
    expect(await check()).toEqual({
      code: 503,
      queue: { status: 'down', processing: false, message: 'processing is stopped' },
    });
    await app.get(QueueService).start();
    expect(await check()).toMatchObject({ code: 200 });
  });

  it('is up in a process that only pushes, and in one that has not been started', async () => {
    await start({}, []);
    expect(await check()).toEqual({ code: 200, queue: { status: 'up', processing: false } });
    await app.close();
    await start({ autoStart: false });
    expect(await check()).toEqual({ code: 200, queue: { status: 'up', processing: false } });
  });

  it('is down while the database is gone, saying why, and comes up again by itself', async () => {
    await start();
    const restore = await cutOff(database);
    const { queue } = await comes(503);
    expect(queue).toMatchObject({
      status: 'down',
      message: expect.stringMatching(/^no claim has succeeded for \d+ ms$/),
      error: expect.stringMatching(/not currently accepting connections|administrator command|terminated/),
    });
    await restore();
    await comes(200);
  });

  it('is up while all slots are busy, but not when the database is gone', async () => {
    await start();
    await app.get(QueueService).pushTask({ kind: WORK, payload: null });
    await until(() => app.get(Worker).busy);
    // Longer than it may be silent
    await app.get(getDataSourceToken()).query('SELECT pg_sleep(1.5)');
    expect(await check()).toMatchObject({ code: 200 });
    const restore = await cutOff(database);
    await comes(503);
    await restore();
    await comes(200);
  });

  it('is up while all kinds are paused', async () => {
    await start({ kinds: { [WORK.kind]: { workerCount: 0 } } });
    await app.get(getDataSourceToken()).query('SELECT pg_sleep(1.5)');
    expect(await check()).toMatchObject({ code: 200 });
  });

  it('is up while every attempt fails', async () => {
    await start({ kinds: { [WORK.kind]: { backoff: () => 20 } } }, [Failing]);
    const dataSource = app.get(getDataSourceToken());
    await app.get(QueueService).pushTask({ kind: WORK, payload: null });
    // For longer than it may be silent
    await dataSource.query('SELECT pg_sleep(1.5)');
    expect(await check()).toMatchObject({ code: 200 });
    const [{ attempts }] = await dataSource.query('SELECT attempts_elapsed AS attempts FROM pgqueue');
    expect(attempts).toBeGreaterThan(3);
  });

  it('is down at once while the database is read-only, and up when it is not any more', async () => {
    patience = { maxMissedPolls: 1000 };
    await start();
    await setReadOnly(database, true);
    const { queue } = await comes(503);
    expect(queue).toMatchObject({
      message: 'the server is read-only',
      error: expect.stringContaining('read-only transaction'),
    });
    await setReadOnly(database, false);
    await comes(200);
  });

  it('is down at once while the tables do not match', async () => {
    patience = { maxMissedPolls: 1000 };
    await start();
    const dataSource = app.get(getDataSourceToken());
    await dataSource.query('ALTER TABLE pgqueue RENAME COLUMN priority TO urgency');
    const { queue } = await comes(503);
    expect(queue).toMatchObject({
      message: "the queue's tables do not match this release",
      error: expect.stringContaining('priority'),
    });
    await dataSource.query('ALTER TABLE pgqueue RENAME COLUMN urgency TO priority');
    await comes(200);
  });

  it('is down when processing could not be started, until it could', async () => {
    await start({ autoStart: false });
    const dataSource = app.get(getDataSourceToken());
    await dataSource.query("COMMENT ON TABLE pgqueue IS 'nestjs-pgqueue schema 999'");
    await expect(app.get(QueueService).start()).rejects.toThrow('of version 999');
    expect(await check()).toEqual({
      code: 503,
      queue: {
        status: 'down',
        processing: false,
        message: 'processing could not be started',
        error: expect.stringContaining('of version 999'),
      },
    });
    await dataSource.query("COMMENT ON TABLE pgqueue IS 'nestjs-pgqueue schema 1'");
    await app.get(QueueService).start();
    expect(await check()).toMatchObject({ code: 200 });
  });

  it('tells for each kind how many slots there are, and how many are busy', async () => {
    await start({ kinds: { [WORK.kind]: { workerCount: 3 } } });
    expect((await check()).queue['slots']).toEqual({ 'pgqueue-1': { slots: 3, busy: 0 } });
    await app.get(QueueService).pushTask({ kind: WORK, payload: null });
    await until(() => app.get(Worker).busy);
    expect((await check()).queue['slots']).toEqual({ 'pgqueue-1': { slots: 3, busy: 1 } });
  });

  it('is alive whatever the database does', async () => {
    await start();
    expect(await check('/live')).toEqual({ code: 200, queue: { status: 'up', processing: true } });
    const restore = await cutOff(database);
    await comes(503);
    expect(await check('/live')).toEqual({ code: 200, queue: { status: 'up', processing: true } });
    await restore();
    await app.get(QueueService).stop();
    expect(await check('/live')).toEqual({ code: 200, queue: { status: 'up', processing: false } });
  });

  it('is a matter of the worker, not of its options: a live period that fails changes nothing', async () => {
    let broken = false;
    const fetcherPeriod = () => {
      if (broken) {
        throw new Error('no configuration');
      }
      return '200ms';
    };
    await start({ kinds: { [WORK.kind]: { loop: { fetcherPeriod } } } });
    broken = true;
    expect(await check()).toMatchObject({ code: 200 });
  });
});

const WORK = defineTask<null>({ kind: 1, attemptTimeout: '60s', backoff: noJitter('1s') });

/** Options of a test, over the usual. */
let patience: PgQueueHealthOptions = {};

/** Holds the handlers of a test. */
let gate = deferred();

@Injectable()
class Failing {
  @TaskHandler(WORK, { loop: { fetcherPeriod: '100ms' } })
  work() {
    throw new Error('as every time');
  }
}

@Injectable()
class Worker {
  busy = false;

  @TaskHandler(WORK, { loop: { fetcherPeriod: '100ms' } })
  async work() {
    this.busy = true;
    await gate.promise;
    this.busy = false;
  }
}

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly queue: PgQueueHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.queue.isHealthy('queue', { maxMissedPolls: 1, ...patience })]);
  }

  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([() => this.queue.isLive('queue')]);
  }
}
