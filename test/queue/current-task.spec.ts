import { setTimeout as pause } from 'node:timers/promises';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { afterEach, expect, vi } from 'vitest';
import { type CurrentTask, currentTask, TaskConsoleLogger } from '../../lib/index.js';
import { databasePerFile, deferred, newKind } from '../support/index.js';

const { it, app, openApp } = databasePerFile({ app: {} });

afterEach(() => {
  Logger.overrideLogger(false);
  vi.restoreAllMocks();
});

it('tells whoever a handler calls which task runs, each its own', async () => {
  const definition = newKind({ workerCount: 3, maxAttempts: 2 });
  const events = app.recordEvents();
  const seen: (CurrentTask | undefined)[] = [];
  app.queue.registerKind(definition, async ({ attempt }) => {
    await Promise.all([pause(5), Promise.resolve()]);
    seen.push(currentTask());
    if (attempt === 1) throw new Error('again');
  });
  const pushed = await app.queue.pushTasks([1, 2, 3].map((payload) => ({ kind: definition, payload })));
  for (const { id } of pushed) {
    await events.first('attempt-settled', (event) => event.id === id && event.as === 'succeeded');
  }
  expect(seen).toHaveLength(6);
  expect(new Set(seen.map((task) => JSON.stringify(task)))).toEqual(
    new Set(
      pushed.flatMap(({ id }) =>
        [1, 2].map((attempt) =>
          JSON.stringify({ kind: definition.kind, name: definition.name, id, attempt }),
        ),
      ),
    ),
  );
});

it('is none outside of a handler, and none for those who listen to events', async () => {
  const definition = newKind();
  app.queue.registerKind(definition, () => undefined);
  const heard = deferred<CurrentTask | undefined>();
  app.queue.subscribe((event) => {
    if (event.type === 'attempt-settled' && event.kind === definition.kind) heard.resolve(currentTask());
  });
  expect(currentTask()).toBeUndefined();
  await app.queue.pushTask({ kind: definition, payload: null });
  expect(await heard.promise).toBeUndefined();
});

it('is none where the module was told so', async () => {
  const silent = await openApp({ options: { taskContext: false } });
  const definition = newKind();
  const seen = deferred<CurrentTask | undefined>();
  silent.queue.registerKind(definition, () => seen.resolve(currentTask()));
  await silent.queue.pushTask({ kind: definition, payload: null });
  expect(await seen.promise).toBeUndefined();
  await silent.close();
});

it("Nest's lines say it, in text", async () => {
  const [within, outside] = await linesOf(new TaskConsoleLogger({ colors: false }), 'send\nmail');
  expect(within).toMatch(/LOG \[Mailer\] \[send mail \d+ #1\] sent/);
  expect(outside).toMatch(/LOG \[Mailer\] outside/);
});

it("Nest's lines say it, in JSON, without the payload", async () => {
  const [within, outside] = await linesOf(new TaskConsoleLogger({ json: true }), 'send-json');
  expect(JSON.parse(within)).toMatchObject({
    context: 'Mailer',
    message: 'sent',
    task: { kind: expect.any(Number), name: 'send-json', id: expect.stringMatching(/^\d+$/), attempt: 1 },
  });
  expect(within).not.toContain('secret');
  expect(JSON.parse(outside)).not.toHaveProperty('task');
  const [odd] = await linesOf(new TaskConsoleLogger({ json: true }), 'send\u202ejson\u009b31m');
  expect(JSON.parse(odd)).toMatchObject({ task: { name: 'send json 31m' } });
});

/** What `written` is called with while a logger writes one line within a handler, and one outside of any. */
async function linesOf(logger: ConsoleLogger, name: string): Promise<[within: string, outside: string]> {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  Logger.overrideLogger(logger);
  const own = new Logger('Mailer');
  const definition = newKind({ name });
  const done = deferred();
  app.queue.registerKind(definition, async () => {
    await pause(1);
    own.log('sent');
    done.resolve();
  });
  await app.queue.pushTask({ kind: definition, payload: { secret: 'x' } });
  await done.promise;
  own.log('outside');
  return ['sent', 'outside'].map((text) => lines.find((line) => line.includes(text))!) as [string, string];
}
