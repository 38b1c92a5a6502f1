import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { afterAll, expect, vi } from 'vitest';
import { SignUp } from '../../docs/examples/tour/sign-up.js';
import { User } from '../../docs/examples/tour/user.entity.js';
import { databasePerFile, until } from '../support/index.js';
import { storedTasks } from '../support/queue-app.js';

const { it, database } = databasePerFile({}, {}, { plain: true });

let app: Awaited<ReturnType<typeof NestFactory.createApplicationContext>>;
const output: string[] = [];

it.beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', database.url);
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => output.push(String(text)) > 0);
  }
  const created = vi.spyOn(NestFactory, 'createApplicationContext');
  await import('../../docs/examples/tour/main.js');
  app = await created.mock.results[0]!.value;
});

afterAll(async () => {
  await app?.close();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it('runs as it is printed: the mail is sent', async () => {
  await until(() => output.some((line) => line.includes('welcome, ada@example.com (attempt 1)')));
  const dataSource = app.get(DataSource);
  await until(async () => (await storedTasks(dataSource, "status = 'succeeded'")).length === 1);
  expect(await storedTasks(dataSource)).toMatchObject([
    { kind: 1, external_key: 'user-1', payload: { userId: 1 } },
  ]);
});

it('stores neither the user nor the task when the transaction fails', async () => {
  const dataSource = app.get(DataSource);
  await expect(app.get(SignUp).register(null as never)).rejects.toThrow('null value in column');
  expect(await dataSource.getRepository(User).count()).toBe(1);
  expect(await storedTasks(dataSource)).toHaveLength(1);
});
