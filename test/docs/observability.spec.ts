import { readFileSync } from 'node:fs';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { register } from 'prom-client';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, vi } from 'vitest';
import { ObservabilityModule, SlowAttempts } from '../../docs/examples/observability.js';
import { defineTask, noJitter, PgQueueModule, QueueService, TaskHandler } from '../../lib/index.js';
import { databasePerFile, until } from '../support/index.js';
import { typeOrm } from '../support/nest-app.js';

const { it, database } = databasePerFile({});

let app: INestApplication;
let origin: string;

it.beforeAll(async () => {
  register.clear();
  const testing = await Test.createTestingModule({
    imports: [typeOrm(database.url), PgQueueModule.forRoot({}), ObservabilityModule],
    providers: [Worker, SlowAttempts],
  })
    .setLogger(false as never)
    .compile();
  app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  origin = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});

afterAll(() => app.close());

it('answers health and metrics over HTTP', async () => {
  const health = await fetch(`${origin}/health`);
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({ info: { queue: { status: 'up', processing: true } } });
  const series = async () => (await fetch(`${origin}/metrics`)).text();
  expect(await series()).toContain('pgqueue_tasks_total{kind="work",status="succeeded"} 0');
  await app.get(QueueService).pushTask({ kind: Work, payload: null });
  await until(async () => (await series()).includes('pgqueue_tasks_total{kind="work",status="succeeded"} 1'));
  expect(await series()).toContain('pgqueue_attempt_duration_seconds_count{kind="work"} 1');
  const metrics = readFileSync('docs/observability.md', 'utf8').match(/(?<=^\| `)pgqueue_\w+/gm)!;
  expect((await series()).match(/(?<=^# TYPE )pgqueue_\w+/gm)!.toSorted()).toEqual(metrics.toSorted());
});

it('tells that it lives', async () => {
  const live = await fetch(`${origin}/health/live`);
  expect(await live.json()).toMatchObject({ info: { queue: { status: 'up' } } });
});

it('is down once processing was stopped', async () => {
  // Terminus writes its own log.
  const mute = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await app.get(QueueService).stop();
  const health = await fetch(`${origin}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({ error: { queue: { status: 'down' } } });
  mute.mockRestore();
});

it('tells of slow attempts', () => {
  let listener!: Parameters<QueueService['subscribe']>[0];
  const slow = new SlowAttempts({ subscribe: (given: never) => (listener = given) } as never);
  const warn = vi.spyOn(slow['logger'], 'warn').mockReturnValue();
  const event = {
    type: 'attempt-settled',
    shard: 'default',
    kind: 1,
    name: 'work',
    id: '7',
    attempt: 1,
  } as const;
  listener({ ...event, as: 'succeeded', exhausted: false, durationMs: 4999 });
  listener({ ...event, as: 'succeeded', exhausted: false, durationMs: 5001 });
  expect(warn.mock.calls).toEqual([['work: task 7 took 5001 ms']]);
});

const Work = defineTask({ kind: 1, name: 'work' });

class Worker {
  @TaskHandler(Work, { attemptTimeout: '1m', backoff: noJitter('1m') })
  async work() {}
}
