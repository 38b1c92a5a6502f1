import { Inject, Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PgQueueModule,
  type PgQueueModuleOptions,
  type PgQueueOptionsFactory,
  QueueService,
} from '../../lib/index.js';
import { bootError, startApp, typeOrm } from '../support/nest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('PgQueueModule', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it.each([
    ['forRoot', () => PgQueueModule.forRoot({ maxPayloadBytes: 10 }), 10],
    ['useClass', () => PgQueueModule.forRootAsync({ useClass: LimitOptions }), 11],
    ['useFactory', () => PgQueueModule.forRootAsync({ useFactory: () => ({ maxPayloadBytes: 12 }) }), 12],
    [
      'useFactory with imports and inject',
      () =>
        PgQueueModule.forRootAsync({
          imports: [ConfigModule],
          inject: [LIMIT],
          useFactory: async (maxPayloadBytes: number) => ({ maxPayloadBytes }),
        }),
      13,
    ],
    [
      'useClass with imports',
      () => PgQueueModule.forRootAsync({ imports: [ConfigModule], useClass: InjectedLimitOptions }),
      13,
    ],
    [
      'useExisting',
      () => PgQueueModule.forRootAsync({ imports: [ConfigModule], useExisting: InjectedLimitOptions }),
      13,
    ],
  ])('H48: takes its options from %s', async (_, queueModule, limit) => {
    const app = await startApp({ imports: [typeOrm(database.url), queueModule()] });
    const queue = app.get(QueueService);
    queue.registerKind(1, () => undefined, { attemptTimeout: '1s', backoff: () => 0 });
    const fitting = 'x'.repeat(limit - '""'.length);
    await expect(queue.pushTask({ kind: 1, payload: fitting })).resolves.toMatchObject({ status: 'pushed' });
    await expect(queue.pushTask({ kind: 1, payload: `${fitting}x` })).rejects.toThrow(`${limit}`);
    await app.close();
  });

  it('needs no options at all', async () => {
    const app = await startApp({ imports: [typeOrm(database.url), PgQueueModule.forRoot()] });
    expect(app.get(QueueService)).toBeInstanceOf(QueueService);
    await app.close();
  });

  it('offers QueueService to every module, also to those that import the bare class', async () => {
    @Injectable()
    class Producer {
      constructor(readonly queue: QueueService) {}
    }
    @Module({ providers: [Producer] })
    class WithoutImport {}
    @Module({ imports: [PgQueueModule], providers: [Producer] })
    class WithImport {}

    const app = await startApp({
      imports: [WithImport, typeOrm(database.url), PgQueueModule.forRoot(), WithoutImport],
    });
    const queues = app.get(Producer, { each: true, strict: false }).map(({ queue }) => queue);
    expect(queues).toEqual([app.get(QueueService), app.get(QueueService)]);
    await app.close();
  });

  it('H48: is configured once, and may be imported by several modules then', async () => {
    const configured = PgQueueModule.forRoot();
    @Module({ imports: [configured] })
    class Feature {}

    const app = await startApp({ imports: [typeOrm(database.url), configured, Feature] });
    await app.close();

    const error = await bootError({
      imports: [typeOrm(database.url), PgQueueModule.forRoot(), Feature],
    });
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_OPTION', field: 'PgQueueModule' });
    expect(error.message).toBe(
      'PgQueueModule: must be imported once by forRoot or forRootAsync: QueueService is global, got "2 times"',
    );
  });

  it('refuses to be imported without any configuration', async () => {
    const error = await bootError({ imports: [typeOrm(database.url), PgQueueModule] });
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_OPTION', field: 'PgQueueModule' });
    expect(error.message).toBe(
      'PgQueueModule: must be imported once by forRoot or forRootAsync, but is missing',
    );
  });

  it('passes on why its options could not be made', async () => {
    const error = await bootError({
      imports: [
        typeOrm(database.url),
        PgQueueModule.forRootAsync({ useFactory: () => Promise.reject(new Error('no configuration')) }),
      ],
    });
    expect(error.message).toBe('no configuration');
  });
});

const LIMIT = Symbol('LIMIT');

@Injectable()
class LimitOptions implements PgQueueOptionsFactory {
  createPgQueueOptions(): PgQueueModuleOptions {
    return { maxPayloadBytes: 11 };
  }
}

@Injectable()
class InjectedLimitOptions implements PgQueueOptionsFactory {
  constructor(@Inject(LIMIT) private readonly limit: number) {}

  async createPgQueueOptions(): Promise<PgQueueModuleOptions> {
    return { maxPayloadBytes: this.limit };
  }
}

@Module({
  providers: [{ provide: LIMIT, useValue: 13 }, InjectedLimitOptions],
  exports: [LIMIT, InjectedLimitOptions],
})
class ConfigModule {}
