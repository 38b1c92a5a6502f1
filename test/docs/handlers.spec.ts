import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Importer, ImportFile, Imports } from '../../docs/examples/handlers.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

let database: TestDatabase;
let server: Server;
let origin: string;
let app: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  server = createServer((request, response) => {
    response.statusCode = Number(request.url!.slice(1));
    response.end('the file');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  app = await createQueueApp({ url: database.url, providers: [Importer, Imports] });
});

afterAll(async () => {
  await app.close();
  server.close();
  await database.drop();
});

it.each([
  [200, { status: 'succeeded', attempts_elapsed: 1, messages: null }],
  [404, { status: 'cancelled', attempts_elapsed: 1, messages: ['no such file'] }],
  [429, { status: 'must_retry', attempts_elapsed: 0, messages: null }],
  [503, { status: 'must_retry', attempts_elapsed: 1, messages: ['closed at night'] }],
  [500, { status: 'must_retry', attempts_elapsed: 1, messages: ['HTTP 500'] }],
])('ends as its comment says for HTTP %i', async (status, expected) => {
  const { id } = await app.queue.pushTask({ kind: ImportFile, payload: { url: `${origin}/${status}` } });
  const settled = `id = ${id} AND status <> 'new'`;
  await until(async () => (await storedTasks(app.dataSource, settled)).length === 1);
  expect(await storedTasks(app.dataSource, `id = ${id}`)).toMatchObject([expected]);
});

it('refuses at push what does not fit the schema', async () => {
  const imports = app.get(Imports);
  await expect(imports.plan('not a URL')).rejects.toThrow('payload: does not fit its schema');
});

it('plans a file once, cancels it, and plans it again', async () => {
  const imports = app.get(Imports);
  expect(await imports.plan('http://a.test/')).toMatch(/^planned as task \d+$/);
  expect(await imports.plan('http://a.test/')).toMatch(
    /^http:\/\/a\.test\/ is planned already, as task \d+$/,
  );
  const planned = await storedTasks(app.dataSource, "external_key = 'http://a.test/'");
  expect(planned).toMatchObject([{ status: 'new', priority: 2 }]);
  expect(planned[0]!.due_in).toBeGreaterThan(3_500_000);
  expect(await imports.cancel('http://a.test/')).toBe(true);
  expect(await imports.cancel('http://a.test/')).toBe(false);
  expect(await imports.planAgain('http://a.test/')).toMatchObject({ status: 'pushed' });
});

it('retries what has no attempts left', async () => {
  await app.dataSource.query(
    "UPDATE pgqueue SET status = 'no_attempts_left' WHERE payload->>'url' LIKE '%/500'",
  );
  expect(await app.get(Imports).retryBroken()).toBe(1);
});
