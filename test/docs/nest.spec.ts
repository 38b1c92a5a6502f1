import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ImportFile } from '../../docs/examples/handlers.js';
import { AttemptLog, ImportLog, LoggedImporter } from '../../docs/examples/nest.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let app: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url, providers: [AttemptLog, ImportLog, LoggedImporter] });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

it('runs each task by an instance of its own, with the interceptor around it', async () => {
  const log = vi.spyOn(AttemptLog.prototype, 'intercept');
  const events = recordEvents(app.queue);
  const pushed = await app.queue.pushTasks(
    ['http://a.test/', 'http://b.test/'].map((url) => ({ kind: ImportFile, payload: { url } })),
  );
  for (const { id } of pushed) {
    expect(await events.first('attempt-settled', (event) => event.id === id)).toMatchObject({
      as: 'succeeded',
    });
  }
  expect(log).toHaveBeenCalledTimes(2);
});
