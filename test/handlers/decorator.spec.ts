import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  defineTask,
  QueueService,
  type Task,
  TaskHandler,
  UnsupportedHandlerError,
} from '../../lib/index.js';

const WELCOME = defineTask<{ userId: number }>({ kind: 1 });
const PARSED = defineTask({
  kind: 2,
  payload: z.object({ at: z.string().transform((text) => text.length) }),
});

function staticMethod(): void {
  class Broken {
    @TaskHandler(1)
    static run() {}
  }
  void Broken;
}

function getter(): void {
  class Broken {
    @TaskHandler(1)
    get run() {
      return () => undefined;
    }
  }
  void Broken;
}

function property(): void {
  class Broken {
    run = () => undefined;
  }
  (TaskHandler(1) as PropertyDecorator)(Broken.prototype, 'run');
}

function wholeClass(): void {
  class Broken {}
  (TaskHandler(1) as unknown as ClassDecorator)(Broken);
}

const RUN = Symbol('run');

function symbol(): void {
  class Broken {
    @TaskHandler(1)
    [RUN]() {}
  }
  void Broken;
}

describe('@TaskHandler', () => {
  it.each([
    ['a static method', 'Broken.run', staticMethod],
    ['a getter', 'Broken.run', getter],
    ['a property', 'Broken.run', property],
    ['a class', 'Broken', wholeClass],
    ['a method without a textual name', 'Broken.Symbol(run)', symbol],
  ])('refuses %s, naming it', (_, name, declare) => {
    expect(declare).toThrow(UnsupportedHandlerError);
    expect(declare).toThrow(`${name}: a @TaskHandler must`);
  });

  it('accepts methods that take their kind’s payload, and no others', () => {
    class Handlers {
      @TaskHandler(WELCOME)
      right(task: Task<{ userId: number }>) {
        expectTypeOf(task.payload).toEqualTypeOf<{ userId: number }>();
      }

      @TaskHandler(WELCOME)
      wider(task: Task<{ userId: number | string }>) {
        return task;
      }

      @TaskHandler(WELCOME)
      withoutTask() {}

      // @ts-expect-error the payload has a number
      @TaskHandler(WELCOME)
      wrong(task: Task<{ userId: string }>) {
        return task;
      }

      // @ts-expect-error the payload has no such field
      @TaskHandler(WELCOME)
      more(task: Task<{ userId: number; name: string }>) {
        return task;
      }

      // @ts-expect-error a task is given, not its payload
      @TaskHandler(WELCOME)
      unwrapped(task: { userId: number }) {
        return task;
      }

      // @ts-expect-error nothing else is given
      @TaskHandler(WELCOME)
      second(task: Task<{ userId: number }>, other: string) {
        return [task, other];
      }

      @TaskHandler(PARSED)
      parsed(task: Task<{ at: number }>) {
        expectTypeOf(task.payload.at).toEqualTypeOf<number>();
      }

      // @ts-expect-error the schema has made a number of the text
      @TaskHandler(PARSED)
      unparsed(task: Task<{ at: string }>) {
        return task;
      }

      @TaskHandler(3)
      anything(task: Task<string>) {
        return task;
      }
    }
    expect(Object.getOwnPropertyNames(Handlers.prototype)).toContain('anything');
  });

  it('types what is pushed and registered as well', () => {
    const uses = async (queue: QueueService) => {
      await queue.pushTask({ kind: WELCOME, payload: { userId: 1 } });
      // @ts-expect-error the payload has a number
      await queue.pushTask({ kind: WELCOME, payload: { userId: '1' } });
      // @ts-expect-error the payload is missing
      await queue.pushTask({ kind: WELCOME });
      await queue.pushTask({ kind: PARSED, payload: { at: 'text' } });
      // @ts-expect-error what the schema takes is pushed, not what it makes
      await queue.pushTask({ kind: PARSED, payload: { at: 4 } });
      await queue.pushTask({ kind: 3, payload: 'anything' });
      queue.registerKind(PARSED, ({ payload }) => expectTypeOf(payload).toEqualTypeOf<{ at: number }>());
      // @ts-expect-error the payload has a number
      queue.registerKind(WELCOME, (task: Task<{ userId: string }>) => task);
    };
    expectTypeOf(uses).returns.toEqualTypeOf<Promise<void>>();
    expect(uses).toBeTypeOf('function');
  });
});
