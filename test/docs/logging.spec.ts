import { Logger, Module } from '@nestjs/common';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createApp, createPino, Geocoder } from '../../docs/examples/logging.js';
import { newKind } from '../support/kinds.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

@Module({})
class AppModule {}

let database: TestDatabase;
let app: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url });
});

afterAll(async () => {
  Logger.overrideLogger(false);
  await app.close();
  await database.drop();
});

/** Runs one task by this handler. */
async function run(handler: () => unknown) {
  const definition = newKind();
  const events = recordEvents(app.queue);
  app.queue.registerKind(definition, handler);
  const { id } = await app.queue.pushTask({ kind: definition, payload: null });
  expect(await events.first('attempt-settled')).toMatchObject({ id, as: 'succeeded' });
  return { kind: definition.kind, name: definition.name, id, attempt: 1 };
}

it("Nest's lines name the task", async () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const other = await createApp(AppModule);
  let answer: unknown;
  const task = await run(async () => {
    answer = await new Geocoder().locate('Oslo');
  });
  write.mockRestore();
  await other.close();
  expect(answer).toEqual({ address: 'Oslo', userAgent: `shop/1.0 (${task.name})` });
  const line = lines.map((text) => JSON.parse(text)).find(({ message }) => message === 'looking for Oslo');
  expect(line).toMatchObject({ context: 'Geocoder', task });
});

it("pino's lines name the task", async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = createPino({ write: (line) => void lines.push(JSON.parse(line)) });
  logger.info('outside');
  const task = await run(() => logger.info('inside'));
  expect(lines).toMatchObject([{ msg: 'outside' }, { msg: 'inside', task }]);
  expect(lines[0]).not.toHaveProperty('task');
});
