import { forwardRef, Global, Inject, Injectable, Module, type Provider } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defineTask, noJitter, type Task, TaskHandler } from '../../lib/index.js';
import { until } from '../support/index.js';
import { createQueueApp, type QueueApp, type QueueAppOptions } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H47: handlers', () => {
  let database: TestDatabase;
  let app: QueueApp | undefined;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  afterEach(async () => {
    await app?.close();
    app = undefined;
    ran.length = 0;
  });

  async function start(options: Omit<QueueAppOptions, 'url'>): Promise<QueueApp> {
    app = await createQueueApp({ url: database.url, ...options });
    return app;
  }

  /** Pushes a task of each kind. @returns which methods ran, when all have. */
  async function run(...kinds: (typeof A)[]): Promise<string[]> {
    await app!.queue.pushTasks(kinds.map((kind) => ({ kind, payload: 'x' })));
    await until(() => ran.length >= kinds.length);
    return ran.map(({ method }) => method).toSorted();
  }

  it('are found several to a class, and run on the instance that everybody injects', async () => {
    await start({ providers: [Mailer] });
    expect(await run(A, B)).toEqual(['Mailer.remind', 'Mailer.send']);
    expect(ran.map(({ self }) => self)).toEqual([app!.get(Mailer), app!.get(Mailer)]);
  });

  it('are found in global modules and deep ones', async () => {
    @Injectable()
    class Reminder {
      @TaskHandler(B)
      run({ payload }: Task<string>) {
        ran.push({ method: 'Reminder.run', self: this, payload });
      }
    }
    @Injectable()
    class Sender {
      @TaskHandler(A)
      run({ payload }: Task<string>) {
        ran.push({ method: 'Sender.run', self: this, payload });
      }
    }
    @Global()
    @Module({ providers: [Reminder] })
    class GlobalModule {}
    @Module({ providers: [Sender] })
    class Deep {}
    @Module({ imports: [Deep] })
    class Feature {}

    await start({ imports: [GlobalModule, Feature] });
    expect(await run(A, B)).toEqual(['Reminder.run', 'Sender.run']);
  });

  it('are found in providers that need each other', async () => {
    @Injectable()
    class Chicken {
      @Inject(forwardRef(() => Egg)) readonly egg!: object;

      @TaskHandler(A)
      run({ payload }: Task<string>) {
        ran.push({ method: 'Chicken.run', self: this.egg, payload });
      }
    }
    @Injectable()
    class Egg {
      constructor(@Inject(forwardRef(() => Chicken)) readonly chicken: object) {}

      @TaskHandler(B)
      run({ payload }: Task<string>) {
        ran.push({ method: 'Egg.run', self: this.chicken, payload });
      }
    }

    await start({ providers: [Chicken, Egg] });
    expect(await run(A, B)).toEqual(['Chicken.run', 'Egg.run']);
    expect(new Set(ran.map(({ self }) => self))).toEqual(new Set([app!.get(Egg), app!.get(Chicken)]));
  });

  it('are inherited; a method that overrides one takes its place', async () => {
    abstract class Base {
      @TaskHandler(A)
      send({ payload }: Task<string>) {
        ran.push({ method: 'Base.send', self: this, payload });
      }

      @TaskHandler(B)
      remind({ payload }: Task<string>) {
        ran.push({ method: 'Base.remind', self: this, payload });
      }
    }
    @Injectable()
    class Sub extends Base {
      override remind(task: Task<string>) {
        super.remind(task);
        ran.push({ method: 'Sub.remind', self: this, payload: task.payload });
      }
    }

    await start({ providers: [Sub] });
    await run(A, B);
    await until(() => ran.length === 3);
    expect(ran.map(({ method }) => method).toSorted()).toEqual(['Base.remind', 'Base.send', 'Sub.remind']);
    expect(ran.every(({ self }) => self === app!.get(Sub))).toBe(true);
  });

  it('may handle another kind in a subclass', async () => {
    class Base {
      @TaskHandler(A)
      run({ payload }: Task<string>) {
        ran.push({ method: `${this.constructor.name}.run`, self: this, payload });
      }
    }
    class Sub extends Base {
      @TaskHandler(B)
      override run(task: Task<string>) {
        super.run(task);
      }
    }

    await start({ providers: [Base, Sub] });
    expect(await run(A, B)).toEqual(['Base.run', 'Sub.run']);
  });

  it('may handle several kinds by one method', async () => {
    class Both {
      @TaskHandler(A)
      @TaskHandler(B)
      run({ payload, kind }: Task<string>) {
        ran.push({ method: `Both.run ${kind}`, self: this, payload });
      }
    }

    await start({ providers: [Both] });
    expect(await run(A, B)).toEqual(['Both.run 1', 'Both.run 2']);
  });

  it('are found under decorators that replace the method', async () => {
    const calls: string[] = [];
    class Wrapped {
      @Traced(calls)
      @TaskHandler(A)
      run({ payload }: Task<string>) {
        ran.push({ method: 'Wrapped.run', self: this, payload });
      }
    }

    await start({ providers: [Wrapped] });
    expect(await run(A)).toEqual(['Wrapped.run']);
    expect(calls).toEqual(['run']);
  });

  it.each<[string, () => Provider[]]>([
    ['useClass', () => [{ provide: 'MAILER', useClass: Mailer }]],
    ['useFactory', () => [{ provide: 'MAILER', useFactory: () => new Mailer() }]],
    ['an asynchronous useFactory', () => [{ provide: Mailer, useFactory: async () => new Mailer() }]],
    ['useValue', () => [{ provide: 'MAILER', useValue: new Mailer() }]],
    ['useExisting', () => [Mailer, { provide: 'MAILER', useExisting: Mailer }, alias('ANOTHER', 'MAILER')]],
    [
      'a factory that hands on another provider',
      () => [Mailer, { provide: 'MAILER', inject: [Mailer], useFactory: (mailer: Mailer) => mailer }],
    ],
  ])('are found once behind %s', async (_, providers) => {
    await start({ providers: providers() });
    expect(await run(A, B)).toEqual(['Mailer.remind', 'Mailer.send']);
  });

  it('are not looked for in values that have none', async () => {
    const values = [Object.create(null), null, undefined, () => undefined, Mailer, 'text', 5, []];
    values.push(new WithBadGetter(), Object.defineProperty({}, 'bad', { get: fail, enumerable: true }));
    await start({
      providers: [...values.map((useValue, index) => ({ provide: `value ${index}`, useValue })), Mailer],
    });
    expect(await run(A)).toEqual(['Mailer.send']);
  });
});

/** Which methods ran, and on which instance. */
const ran: { method: string; self: object; payload: unknown }[] = [];

/** As tracing libraries do it. */
const Traced =
  (calls: string[]): MethodDecorator =>
  (_, key, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as (...args: unknown[]) => unknown;
    descriptor.value = function (this: unknown, ...args: unknown[]) {
      calls.push(String(key));
      return method.apply(this, args);
    };
  };

function fail(): never {
  throw new Error('this getter is not to be read');
}

class WithBadGetter {
  get bad(): never {
    return fail();
  }
}

const OPTIONS = { attemptTimeout: '5s', backoff: noJitter('1s') } as const;
const A = defineTask<string>({ kind: 1, name: 'a', ...OPTIONS });
const B = defineTask<string>({ kind: 2, name: 'b', ...OPTIONS });

@Injectable()
class Mailer {
  @TaskHandler(A)
  send({ payload }: Task<string>) {
    ran.push({ method: 'Mailer.send', self: this, payload });
  }

  @TaskHandler(B)
  remind({ payload }: Task<string>) {
    ran.push({ method: 'Mailer.remind', self: this, payload });
  }

  notAHandler() {
    throw new Error('nobody asked for this');
  }
}

const alias = (provide: string, useExisting: string): Provider => ({ provide, useExisting });
