import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect } from 'vitest';
import { Importer, ImportFile, Imports } from '../../docs/examples/handlers.js';
import { databasePerFile, until } from '../support/index.js';

const { it, app } = databasePerFile({ app: { providers: [Importer, Imports] } });

let server: Server;
let origin: string;

it.beforeAll(async () => {
  server = createServer((request, response) => {
    response.statusCode = Number(request.url!.slice(1));
    response.end('the file');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
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
  await until(async () => (await app.stored(settled)).length === 1);
  expect(await app.stored(`id = ${id}`)).toMatchObject([expected]);
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
  const planned = await app.stored("external_key = 'http://a.test/'");
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
  expect(await app.get(Imports).retryExhausted()).toBe(1);
});
