import {
  type DynamicModule,
  Global,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  defineTask,
  noJitter,
  PgQueueModule,
  QueueService,
  type Task,
  type TaskDefinition,
  TaskHandler,
} from '../../lib/index.js';
import { type Deferred, deferred, until } from '../support/index.js';
import { startApp, typeOrm } from '../support/nest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe.each<[string, Imports]>([
  ['first', (queue, database) => [queue, database, GlobalModule, FeatureModule]],
  ['last', (queue, database) => [database, GlobalModule, FeatureModule, queue]],
  ['deep in another module', (queue, database) => [nested(queue), database, GlobalModule, FeatureModule]],
  ['in a global module', (queue, database) => [inGlobal(queue), database, GlobalModule, FeatureModule]],
])('a queue that is imported %s', (_, imports) => {
  let database: TestDatabase;
  let lines: string[];
  let rows: unknown[];
  let connectedAtTheEnd: boolean;

  beforeAll(async () => {
    database = await createTestDatabase();
    const app = await startApp({
      imports: imports(PgQueueModule.forRoot(), typeOrm(database.url)),
      providers: [InRoot],
    });
    const journal = app.get(Journal);
    const dataSource = app.get(DataSource);
    ({ lines } = journal);
    await until(() => lines.filter((line) => line.endsWith(' run')).length === 3);

    // The handlers end a while after the application has begun to close.
    const closing = app.close();
    await dataSource.query(SLOWLY);
    journal.gate.resolve();
    await closing;

    connectedAtTheEnd = dataSource.isInitialized;
    await dataSource.initialize();
    rows = await dataSource.query(
      `SELECT kind, status, payload::jsonb, count(*)::int FROM pgqueue GROUP BY 1, 2, 3 ORDER BY 1, 3`,
    );
    await dataSource.destroy();
  });

  afterAll(() => database.drop());

  it('H50: starts when all providers have bootstrapped, and drains before any is destroyed', () => {
    const events = lines.map((line) => line.split(' ')[1]);
    const order = ['bootstrap', 'run', 'done', 'destroy', 'shutdown'];
    expect(events).toEqual(order.flatMap((event) => [event, event, event]));
  });

  it('pushes until the end, and has written every outcome before the DataSource closes', () => {
    expect(connectedAtTheEnd).toBe(false);
    expect(rows).toEqual([
      { kind: 1, status: 'succeeded', payload: null, count: 1 },
      { kind: 2, status: 'succeeded', payload: null, count: 1 },
      { kind: 3, status: 'succeeded', payload: null, count: 1 },
      { kind: 100, status: 'new', payload: 'from onModuleDestroy', count: 3 },
      { kind: 100, status: 'new', payload: 'from the handler', count: 3 },
    ]);
  });
});

const FOLLOW_UP = defineTask<string>({ kind: 100 });

/** What a test and its application share. */
@Injectable()
class Journal {
  readonly lines: string[] = [];
  readonly gate: Deferred<void> = deferred();
}

/** Long enough for a queue that starts or stops in the wrong order to be seen doing so. */
const SLOWLY = 'SELECT pg_sleep(0.2)';

/** A service with a handler, as the application's own modules have them; it takes its time to bootstrap. */
abstract class Host implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  @Inject() private readonly journal!: Journal;
  @Inject() private readonly dataSource!: DataSource;
  @Inject() private readonly queue!: QueueService;
  protected abstract readonly kind: TaskDefinition<null>;

  async onModuleInit() {
    await this.queue.pushTask({ kind: this.kind, payload: null });
  }

  async onApplicationBootstrap() {
    await this.dataSource.query(SLOWLY);
    this.write('bootstrap');
  }

  protected async handle({ signal }: Task) {
    this.write('run');
    await this.journal.gate.promise;
    await this.queue.pushTask({ kind: FOLLOW_UP, payload: 'from the handler' });
    this.write(signal.aborted ? 'aborted' : 'done');
  }

  async onModuleDestroy() {
    await this.queue.pushTask({ kind: FOLLOW_UP, payload: 'from onModuleDestroy' });
    this.write('destroy');
  }

  onApplicationShutdown() {
    this.write('shutdown');
  }

  private write(event: string) {
    this.journal.lines.push(`${this.constructor.name} ${event}`);
  }
}

const OPTIONS = { attemptTimeout: '10s', backoff: noJitter('1s'), terminalTasksTtl: '1h' } as const;
const IN_ROOT = defineTask<null>({ kind: 1, ...OPTIONS });
const IN_FEATURE = defineTask<null>({ kind: 2, ...OPTIONS });
const IN_GLOBAL = defineTask<null>({ kind: 3, ...OPTIONS });

@Injectable()
class InRoot extends Host {
  protected readonly kind = IN_ROOT;
  @TaskHandler(IN_ROOT) run(task: Task<null>) {
    return this.handle(task);
  }
}

@Injectable()
class InFeature extends Host {
  protected readonly kind = IN_FEATURE;
  @TaskHandler(IN_FEATURE) run(task: Task<null>) {
    return this.handle(task);
  }
}

@Injectable()
class InGlobal extends Host {
  protected readonly kind = IN_GLOBAL;
  @TaskHandler(IN_GLOBAL) run(task: Task<null>) {
    return this.handle(task);
  }
}

@Module({ providers: [InFeature] })
class FeatureModule {}

/** As ConfigModule with `isGlobal`. */
@Global()
@Module({ providers: [InGlobal, Journal], exports: [Journal] })
class GlobalModule {}

type Imports = (queue: DynamicModule, database: DynamicModule) => (DynamicModule | (new () => object))[];

function nested(queue: DynamicModule): DynamicModule {
  @Module({})
  class Inner {}
  @Module({})
  class Outer {}
  return { module: Outer, imports: [{ module: Inner, imports: [queue] }] };
}

function inGlobal(queue: DynamicModule): DynamicModule {
  @Module({})
  class Shared {}
  return { module: Shared, global: true, imports: [queue] };
}
