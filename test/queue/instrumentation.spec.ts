import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, expect } from 'vitest';
import { type AttemptInfo, Instruments, type PushInfo } from '../../lib/events/instrumentation.js';
import { databasePerFile, lazily, newKind, perTest, until } from '../support/index.js';

const { it, app } = databasePerFile({ app: {} });
const instruments = lazily(() => app.get(Instruments));
const events = perTest(() => app.recordEvents());

let definition = newKind();
let runs: number;

beforeEach(() => {
  definition = newKind();
  runs = 0;
  app.queue.registerKind(definition, () => {
    runs++;
  });
});

it('is called once for a push of many, and once for each attempt, with what the push gave', async () => {
  const pushes: PushInfo[] = [];
  const attempts: AttemptInfo[] = [];
  const end = instruments.register({
    startPush: (push) => {
      pushes.push(push);
      return { trace: 'given', run, succeeded: nothing, failed: nothing };
    },
    startAttempt: (attempt) => {
      attempts.push(attempt);
      return { run, ended: nothing };
    },
  });
  const { kind, name } = definition;
  const pushed = await app.queue.pushTasks([1, 2].map((payload) => ({ kind: definition, payload })));
  await until(() => attempts.length === 2);
  end();
  await work();
  expect(pushes).toEqual([{ kinds: [{ kind, name }], count: 2, batch: true }]);
  expect(attempts).toEqual(pushed.map(({ id }) => ({ kind, name, id, attempt: 1, trace: 'given' })));
});

it('breaks neither a push nor an attempt when it throws at their start', async () => {
  const end = instruments.register({ startPush: broken, startAttempt: broken });
  await work();
  end();
  expect(runs).toBe(1);
  expect(events.of('subscriber-failed')).toHaveLength(2);
});

it.each([
  ['before it calls them', broken],
  ['after it has called them', callAndBreak],
])('lets each run once when it throws %s', async (_, runAndBreak) => {
  const end = instruments.register({
    startPush: () => ({ trace: null, run: runAndBreak, succeeded: broken, failed: broken }),
    startAttempt: () => ({ run: runAndBreak, ended: broken }),
  });
  await work();
  end();
  expect(runs).toBe(1);
  expect(events.of('tasks-pushed')).toMatchObject([{ count: 1 }]);
  await until(() => events.of('subscriber-failed').length === 4);
});

it('surrounds an attempt alone, and not what the queue does afterwards', async () => {
  const storage = new AsyncLocalStorage<string>();
  const [within, afterwards] = [new Set<string | undefined>(), new Set<string | undefined>()];
  const surrounded = newKind();
  app.queue.registerKind(surrounded, () => void within.add(storage.getStore()));
  const end = instruments.register({
    startPush: () => ({ trace: null, run, succeeded: nothing, failed: nothing }),
    startAttempt: ({ id }) => ({ run: (body) => storage.run(id, body), ended: nothing }),
  });
  const unsubscribe = app.queue.subscribe(({ type }) => {
    if (type === 'attempt-settled' || type === 'flushed') {
      afterwards.add(storage.getStore());
    }
  });
  const pushed = await app.queue.pushTasks([1, 2, 3].map((payload) => ({ kind: surrounded, payload })));
  for (const { id } of pushed) {
    await events.first('attempt-settled', (event) => event.id === id);
  }
  unsubscribe();
  end();
  expect(within).toEqual(new Set(pushed.map(({ id }) => id)));
  expect(afterwards).toEqual(new Set([undefined]));
});

/** Pushes one task and waits until it has succeeded. */
async function work(): Promise<void> {
  const { id } = await app.queue.pushTask({ kind: definition, payload: null });
  expect(await events.first('attempt-settled', (event) => event.id === id)).toMatchObject({
    as: 'succeeded',
  });
}

const run = <T>(call: () => T) => call();
const nothing = () => undefined;

function broken(): never {
  throw new Error('broken instrumentation');
}

function callAndBreak(call: () => unknown): never {
  void call();
  return broken();
}
