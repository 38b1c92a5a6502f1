import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidOptionError,
  PgQueueModule,
  type PgQueueModuleOptions,
  QueueService,
} from '../../lib/index.js';
import { bootError, startApp, typeOrm } from '../support/nest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('options of the module', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  /** Option, wrong values, and where the message must point to when that is not the option's name. */
  const WRONG: [option: string, values: unknown[], field?: string][] = [
    ['dataSource', ['', 5, {}, 'a\0b']],
    ['schema', ['', 5, 'x'.repeat(64), 'ä'.repeat(32), 'a\0b']],
    ['autoStart', ['true', 0, 1, null]],
    ['listen', ['false', {}]],
    ['transactionPooling', ['on', 1]],
    ['shutdownTimeout', [-1, Number.NaN, Infinity, 2 ** 31, 'soon', true, '-1s', '']],
    ['heartbeatPeriod', [0, 49, Number.NaN, Infinity, 2 ** 31, 'often', [], '1 fortnight']],
    ['leaseTimeout', [0, 1999, Number.NaN, Infinity, 'long']],
    ['statementTimeout', [0, 99, Number.NaN, Infinity, 2 ** 31, 'long']],
    ['maxPayloadBytes', [0, -1, 1.5, Number.NaN, Infinity, '1mb', 2 ** 31]],
    ['workerName', ['', 7, 'a\0b', 'x'.repeat(501)]],
    ['enhancers', [true, 'all', []]],
    ['enhancers', [{ guards: 'yes' }], 'enhancers.guards'],
    ['enhancers', [{ pipes: true }], 'enhancers.pipes'],
    ['transactionManager', [{}, 'manager']],
    ['kinds', [[], 'none', { mail: {} }, { 1.5: {} }]],
    ['kinds', [{ 5: 'fast' }, { 5: null }], 'kinds[5]'],
    ['kinds', [{ 40000: {} }], 'kind'],
    [
      'kinds',
      [{ 7: { workerCount: -1 } }, { 7: { workerCount: () => 0.5 } }],
      'kind 7 "pgqueue-7": workerCount',
    ],
    ['kinds', [{ 7: { workers: 3 } }], 'kind 7: workers'],
    ['autostart', [true]],
    ['connection', ['default']],
  ];

  const CASES = WRONG.flatMap(([option, values, field = option]) =>
    values.map((value) => ({ option, value, field, shown: String(JSON.stringify(value)).slice(0, 40) })),
  );

  it.each(CASES)('refuses $option: $shown', async ({ option, value, field }) => {
    const error = await bootError({
      imports: [PgQueueModule.forRoot({ [option]: value } as PgQueueModuleOptions)],
    });
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field });
    expect(error.message).toMatch(/, got \S/);
  });

  it.each([null, 'default', []])('refuses %j in place of options', async (options) => {
    const error = await bootError({
      imports: [PgQueueModule.forRootAsync({ useFactory: () => options as never })],
    });
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_OPTION', field: 'PgQueueModule options' });
  });

  const LEAST: PgQueueModuleOptions = {
    schema: undefined,
    shutdownTimeout: 0,
    heartbeatPeriod: 50,
    leaseTimeout: 100,
    statementTimeout: '100ms',
    maxPayloadBytes: 1,
    workerName: 'w',
    enhancers: { guards: undefined },
    kinds: {},
  };
  const MOST: PgQueueModuleOptions = {
    dataSource: 'default',
    schema: 'public',
    autoStart: true,
    listen: false,
    transactionPooling: true,
    shutdownTimeout: 2 ** 31 - 1,
    heartbeatPeriod: 2 ** 31 - 1,
    leaseTimeout: '1y',
    statementTimeout: 2 ** 31 - 1,
    maxPayloadBytes: 64 * 1024 * 1024,
    workerName: 'x'.repeat(500),
    enhancers: { interceptors: false, guards: true, filters: true },
    transactionManager: () => undefined,
    kinds: { 32767: { workerCount: 0 }, [-32768]: { workerCount: () => 100_000 } },
  };

  it.each([LEAST, MOST])('takes every option at an end of its range', async (options) => {
    const app = await startApp({ imports: [typeOrm(database.url), PgQueueModule.forRoot(options)] });
    expect(await app.get(QueueService).pushTasks([])).toEqual([]);
    await app.close();
  });
});
