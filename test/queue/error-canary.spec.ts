import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as api from '../../lib/index.js';
import { PgQueueError, type QueueEvent, type Task, type TaskDefinition } from '../../lib/index.js';
import { newKind, rejectionOf, thrownBy, until } from '../support/index.js';
import { type LossyRelay, startLossyRelay } from '../support/lossy-relay.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const skipped = cannotRunOver({
  pgbouncer: 'the relay stands between the application and the server',
  dml: 'as above',
  shards: 'as above',
});

let database: TestDatabase;
let relay: LossyRelay;
let app: QueueApp;
const lines: unknown[][] = [];
const events: QueueEvent[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  relay = await startLossyRelay(database.url);
  app = await createQueueApp({ url: relay.url, options: { shutdownTimeout: 50 } });
  const line = (...parts: unknown[]) => void lines.push(parts);
  Logger.overrideLogger({ log: line, warn: line, error: line, debug: line, verbose: line, fatal: line });
  app.queue.subscribe((event) => void events.push(event));
});
afterAll(async () => {
  await app.close();
  relay.close();
  await database.drop();
});

it.skipIf(skipped)('no error of any class, event or log line shows a payload or a key', async () => {
  const classes = Object.entries(api as Record<string, unknown>)
    .filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error)
    .map(([name]) => name);
  expect(Object.keys(ERRORS).toSorted()).toEqual(
    classes.filter((name) => !WITHOUT_TASK.has(name)).toSorted(),
  );
  for (const [name, provoke] of Object.entries(ERRORS)) {
    const error = await provoke();
    expect(error).toBeInstanceOf(PgQueueError);
    expect((error as Error).constructor.name).toBe(name);
    expect(textOf(error)).not.toContain('CANARY');
  }
  await until(() => lines.length >= 3);
  expect(textOf(lines)).not.toContain('CANARY');
  expect(textOf(events)).not.toContain('CANARY');
});

/** Texts of the application's own, and what comes before there is a task, or holds errors of these classes alone. */
const WITHOUT_TASK = new Set(
  `PgQueueError MustCancelTaskError MustIgnoreTaskError SnoozeTaskError UnsupportedHandlerError SchemaMismatchError
   NoAnswerError PartialFailureError`.split(/\s+/),
);

const QUOTING: StandardSchemaV1 = {
  '~standard': {
    version: 1,
    vendor: 'quoting',
    validate: (value) => ({ issues: [{ path: ['card'], message: `is "${(value as any).card}"` }] }),
  },
};

const push = (kind: TaskDefinition<unknown> | number, options?: object) =>
  app.queue.pushTask({ kind, ...CONTENT }, options);

/** Pushes a task, and has its handler give an error away. */
function fromHandler(
  work: (task: Task<unknown>) => Promise<unknown>,
  during: (kind: TaskDefinition<unknown>) => Promise<unknown> = async () => undefined,
  more: object = {},
): Promise<unknown> {
  const kind = newKind<unknown>({ maxAttempts: 1, ...more });
  return new Promise((resolve, reject) => {
    app.queue.registerKind(kind, async (task) => {
      await during(kind);
      const error = await work(task);
      resolve(error);
      throw error;
    });
    push(kind).catch(reject);
  });
}

const aborted = ({ signal }: Task<unknown>) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason));
    if (signal.aborted) {
      resolve(signal.reason);
    }
  });

const ERRORS: Record<string, () => Promise<unknown>> = {
  InvalidOptionError: () => rejectionOf(app.queue.retryTasks(newKind(), { limit: 0 })),
  InvalidTaskError: () =>
    rejectionOf(app.queue.pushTask({ kind: newKind(), payload: new Map([['CANARY', 1]]) })),
  DuplicateKindError: async () => {
    const kind = newKind<unknown>();
    app.queue.registerKind(kind, () => undefined);
    return thrownBy(() => app.queue.registerKind(kind, () => undefined));
  },
  UnexpectedTaskKindError: () => rejectionOf(push(4000)),
  InvalidManagerError: async () => {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await rejectionOf(runner.query(`SELECT 'CANARY'::int`));
    const error = await rejectionOf(push(newKind(), { manager: runner }));
    await runner.rollbackTransaction();
    await runner.release();
    return error;
  },
  DatabaseError: async () => {
    const kind = newKind<unknown>();
    await app.dataSource.query(
      `ALTER TABLE pgqueue ADD CONSTRAINT nope CHECK (kind <> ${kind.kind}) NOT VALID`,
    );
    return rejectionOf(push(kind));
  },
  PushOutcomeUnknownError: async () => {
    const lost = relay.lose((message) => message.includes('CANARY'));
    const error = await rejectionOf(push(newKind()));
    await lost;
    return error;
  },
  OutcomeUnknownError: async () => {
    const lost = relay.lose((message) => message.includes('CANARY'));
    const error = await rejectionOf(app.queue.cancelTaskByKey(newKind(), 'CANARY'));
    await lost;
    return error;
  },
  TaskPayloadError: async () => {
    const kind = newKind<unknown>({ maxAttempts: 1 });
    app.queue.registerKind({ ...kind, payload: QUOTING }, () => undefined);
    await push(kind);
    const isOfKind = (event: QueueEvent) => event.type === 'attempt-settled' && event.kind === kind.kind;
    const event = (await until(() => events.find(isOfKind))) as QueueEvent & { error: unknown };
    return event.error;
  },
  LeaseLostError: () =>
    fromHandler(
      (task) => rejectionOf(app.dataSource.transaction((manager) => task.completeIn(manager))),
      (kind) => app.dataSource.query(`DELETE FROM pgqueue WHERE kind = ${kind.kind}`),
    ),
  TaskTimeoutError: () => fromHandler(aborted, undefined, { attemptTimeout: 50 }),
  TaskCancelledError: () => fromHandler(aborted, (kind) => app.queue.cancelTaskByKey(kind, 'CANARY')),
  ShutdownError: () => fromHandler(aborted, async () => void app.queue.stop()),
};

/** By all ways in which loggers print. */
function textOf(value: unknown): string {
  const shown = inspect(value, {
    depth: 12,
    showHidden: true,
    getters: true,
    maxArrayLength: null,
    maxStringLength: null,
  });
  return [shown, JSON.stringify(value), String(value), (value as Error).stack].join('\n');
}

const CONTENT = { payload: { card: 'CANARY' }, externalKey: 'CANARY' };
