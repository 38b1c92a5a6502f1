import { Inject, Injectable, Module, type Provider, Scope } from '@nestjs/common';
import {
  type ContextId,
  ContextIdFactory,
  type ContextIdStrategy,
  type HostComponentInfo,
  REQUEST,
} from '@nestjs/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defineTask, noJitter, type Task, TaskHandler } from '../../lib/index.js';
import { until } from '../support/index.js';
import { createQueueApp, type QueueApp, type QueueAppOptions } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H47: handlers of providers that are not shared', () => {
  let database: TestDatabase;
  let app: QueueApp | undefined;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  afterEach(async () => {
    await app?.close();
    app = undefined;
    runs.length = 0;
  });

  async function run(options: Omit<QueueAppOptions, 'url'>, payloads: string[]): Promise<Run[]> {
    app = await createQueueApp({ url: database.url, ...options });
    for (const [index, payload] of payloads.entries()) {
      await app.queue.pushTask({ kind: WORK, payload });
      await until(() => runs.length > index);
    }
    return runs;
  }

  it.each<[string, () => Provider[]]>([
    ['by their class', () => [RequestScoped]],
    ['by useClass', () => [{ provide: 'WORKER', useClass: RequestScoped }]],
    [
      'by a factory that is request-scoped',
      () => [
        {
          provide: RequestScoped,
          scope: Scope.REQUEST,
          inject: [REQUEST, Shared],
          useFactory: (request: unknown, shared: Shared) =>
            Object.assign(new RequestScoped(request, shared), { property: shared }),
        },
      ],
    ],
  ])('get an instance per task, whose REQUEST is the task: %s', async (_, providers) => {
    const [first, second] = await run({ providers: [...providers(), Shared] }, ['a', 'b']);
    expect(first!.self).not.toBe(second!.self);
    for (const { saw, task } of [first!, second!]) {
      expect(saw).toEqual([task, 'shared', 'shared']);
      expect((saw as unknown[])[0]).toBe(task);
    }
    expect([first, second].map((each) => each!.task.payload)).toEqual(['a', 'b']);
  });

  it('get an instance per task when only a dependency is request-scoped', async () => {
    const [first, second] = await run({ providers: [WithScopedDependency, TaskLog] }, ['a', 'b']);
    expect(first!.self).not.toBe(second!.self);
    expect((first!.saw as unknown[])[0]).toBe(first!.task);
    expect((second!.saw as unknown[])[0]).toBe(second!.task);
  });

  it('are kept apart when they run at once', async () => {
    app = await createQueueApp({
      url: database.url,
      providers: [RequestScoped, Shared],
      options: { kinds: { 1: { workerCount: 20 } } },
    });
    await app.queue.pushTasks(
      Array.from({ length: 40 }, (_, index) => ({ kind: WORK, payload: `${index}` })),
    );
    await until(() => runs.length === 40);
    expect(new Set(runs.map(({ self }) => self)).size).toBe(40);
    expect(runs.every(({ saw, task }) => (saw as unknown[])[0] === task)).toBe(true);
  });

  it('are resolved in their own module, when another has a provider of the same name', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Other {
      @TaskHandler(OTHER)
      work() {}
    }
    @Module({ providers: [{ provide: 'WORKER', useClass: RequestScoped }, Shared] })
    class First {}
    @Module({ providers: [{ provide: 'WORKER', useClass: Other }] })
    class Second {}

    for (const imports of [
      [First, Second],
      [Second, First],
    ]) {
      const [run1] = await run({ imports }, ['a']);
      expect(run1!.self).toBeInstanceOf(RequestScoped);
      await app!.close();
      runs.length = 0;
    }
  });

  it('get an instance per task when they are transient', async () => {
    const [first, second] = await run({ providers: [Transient, Shared] }, ['a', 'b']);
    expect(first!.self).not.toBe(second!.self);
    expect([first!.saw, second!.saw]).toEqual([['shared'], ['shared']]);
  });

  it('share an instance as the strategy says when they are durable', async () => {
    const before = (ContextIdFactory as unknown as { strategy?: ContextIdStrategy }).strategy;
    ContextIdFactory.apply(new ByTenant());
    try {
      const [first, second, third] = await run({ providers: [Durable] }, ['one', 'two', 'one']);
      expect(third!.self).toBe(first!.self);
      expect(second!.self).not.toBe(first!.self);
      expect([first, second, third].map((each) => each!.saw)).toEqual([
        { tenant: 'one' },
        { tenant: 'two' },
        { tenant: 'one' },
      ]);
    } finally {
      ContextIdFactory.apply(before as ContextIdStrategy);
    }
  });

  it('fail their attempt when an instance can not be made', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Failing {
      constructor() {
        throw new Error('no instance today');
      }

      @TaskHandler(WORK)
      work() {}
    }
    app = await createQueueApp({ url: database.url, providers: [Failing] });
    await app.queue.pushTask({ kind: WORK, payload: 'a' });
    const stored = () => app!.dataSource.query(`SELECT messages FROM pgqueue WHERE status = 'must_retry'`);
    const [row] = await until(async () => {
      const rows = await stored();
      return rows.length > 0 && rows;
    });
    expect(row.messages).toEqual(['no instance today']);
  });
});

const WORK = defineTask<string>({ kind: 1, attemptTimeout: '5s', backoff: noJitter('1s') });
const OTHER = defineTask<string>({ kind: 2, attemptTimeout: '5s', backoff: noJitter('1s') });

@Injectable()
class Shared {
  readonly name = 'shared';
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  @Inject() readonly property!: Shared;

  constructor(
    @Inject(REQUEST) readonly request: unknown,
    readonly shared: Shared,
  ) {}

  @TaskHandler(WORK)
  work(task: Task<string>) {
    runs.push({ self: this, saw: [this.request, this.shared.name, this.property.name], task });
  }
}

interface Run {
  self: object;
  /** What a dependency says of itself, or of the task. */
  saw: unknown;
  task: Task<string>;
}

const runs: Run[] = [];

@Injectable({ scope: Scope.REQUEST })
class TaskLog {
  constructor(@Inject(REQUEST) readonly request: unknown) {}
}

@Injectable()
class WithScopedDependency {
  constructor(readonly log: TaskLog) {}

  @TaskHandler(WORK)
  work(task: Task<string>) {
    runs.push({ self: this, saw: [this.log.request], task });
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {
  constructor(readonly shared: Shared) {}

  @TaskHandler(WORK)
  work(task: Task<string>) {
    runs.push({ self: this, saw: [this.shared.name], task });
  }
}

@Injectable({ scope: Scope.REQUEST, durable: true })
class Durable {
  constructor(@Inject(REQUEST) readonly tenant: unknown) {}

  @TaskHandler(WORK)
  work(task: Task<string>) {
    runs.push({ self: this, saw: this.tenant, task });
  }
}

/** As the documentation of Nest has it, by the tenant that a task names. */
class ByTenant implements ContextIdStrategy<Task<string>> {
  private readonly tenants = new Map<string, ContextId>();

  attach(contextId: ContextId, { payload: tenant }: Task<string>) {
    const known = this.tenants.get(tenant) ?? ContextIdFactory.create();
    this.tenants.set(tenant, known);
    return {
      resolve: (info: HostComponentInfo) => (info.isTreeDurable ? known : contextId),
      payload: { tenant },
    };
  }
}
