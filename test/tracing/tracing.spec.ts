import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { beforeEach, describe, expect } from 'vitest';
import {
  type KindOptions,
  MustCancelTaskError,
  MustIgnoreTaskError,
  noJitter,
  SnoozeTaskError,
  type Task,
  type TaskDefinition,
} from '../../lib/index.js';
import { PgQueueTracingModule } from '../../lib/tracing/index.js';
import type { OpenApp } from '../support/fixtures.js';
import { databasePerFile, deferred, lazily, newKind, recordEvents, until } from '../support/index.js';
import { createQueueApp } from '../support/queue-app.js';
import { recordSpans } from '../support/recorded-spans.js';
import type { TestDatabase } from '../support/test-database.js';

const exporter = recordSpans();
const { it, app, openApp } = databasePerFile({ app: startTraced });
const events = lazily(() => app.recorded);

beforeEach(() => exporter.reset());

describe('a push', () => {
  it('is a producer span within the active one', async () => {
    const definition = handle(() => undefined);
    const { id } = await trace.getTracer('test').startActiveSpan('request', async (request) => {
      const result = await app.queue.pushTask({ kind: definition, payload: null });
      request.end();
      return result;
    });
    const [request] = spans('request');
    const push = await span(`push ${definition.name}`);
    expect(push.kind).toBe(SpanKind.PRODUCER);
    expect(push.parentSpanContext?.spanId).toBe(request!.spanContext().spanId);
    expect(push.attributes).toEqual({
      'messaging.system': 'pgqueue',
      'messaging.operation.name': 'push',
      'messaging.operation.type': 'send',
      'messaging.destination.name': definition.name,
      'messaging.message.id': id,
    });
  });

  it('of many tasks is one span, and each of them carries it', async () => {
    const [one, other] = [handle(() => undefined), handle(() => undefined)];
    await app.queue.pushTasks([one, one, other].map((kind) => ({ kind, payload: null })));
    const push = await span('push');
    expect(push.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
    expect(push.attributes).not.toHaveProperty('messaging.destination.name');
    await until(
      () => spans(`process ${one.name}`).length === 2 && spans(`process ${other.name}`).length === 1,
    );
    for (const attempt of [...spans(`process ${one.name}`), ...spans(`process ${other.name}`)]) {
      expect(linksOf(attempt)).toEqual([push.spanContext().spanId]);
    }
  });

  it('that is refused is an error', async () => {
    const definition = handle(() => undefined);
    const message = 'timeout exceeded when trying to connect';
    const executor = { query: () => Promise.reject(new Error(message)) };
    await expect(app.queue.pushTask({ kind: definition, payload: null }, { executor })).rejects.toThrow(
      message,
    );
    const push = await span(`push ${definition.name}`);
    expect(push.status).toEqual({ code: SpanStatusCode.ERROR, message });
    expect(push.attributes).toMatchObject({ 'error.type': 'DatabaseError' });
    expect(push.events.map(({ name }) => name)).toEqual(['exception']);
  });

  it('that replaces a task gives it its own trace', async () => {
    const definition = handle(() => undefined);
    const task = { kind: definition, payload: null, externalKey: 'key' };
    await app.queue.pushTask(task, { delay: '1h' });
    await app.queue.pushTask(task, { onConflict: 'replace' });
    const attempt = await span(`process ${definition.name}`);
    expect(linksOf(attempt)).toEqual([spans(`push ${definition.name}`)[1]!.spanContext().spanId]);
  });
});

describe('an attempt', () => {
  it('is the consumer span of a trace of its own, linked to the push', async () => {
    const definition = handle(() => undefined);
    const { id } = await app.queue.pushTask({ kind: definition, payload: null });
    const attempt = await span(`process ${definition.name}`);
    const push = await span(`push ${definition.name}`);
    expect(attempt.kind).toBe(SpanKind.CONSUMER);
    expect(attempt.parentSpanContext).toBeUndefined();
    expect(attempt.spanContext().traceId).not.toBe(push.spanContext().traceId);
    expect(attempt.links.map((link) => link.context)).toEqual([
      { ...push.spanContext(), isRemote: true, traceFlags: 1 },
    ]);
    expect(attempt.status.code).toBe(SpanStatusCode.UNSET);
    expect(attempt.attributes).toEqual({
      'messaging.system': 'pgqueue',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': definition.name,
      'messaging.message.id': id,
      'pgqueue.attempt': 1,
      'pgqueue.outcome': 'succeeded',
    });
  });

  it("holds its handler's own spans, and the pushes of its handler", async () => {
    const next = handle(() => undefined);
    const definition = handle(async () => {
      await app.dataSource.query('SELECT 1');
      trace.getTracer('test').startSpan('of the handler').end();
      await app.queue.pushTask({ kind: next, payload: null });
    });
    await app.queue.pushTask({ kind: definition, payload: null });
    const attempt = await span(`process ${definition.name}`);
    for (const name of ['of the handler', `push ${next.name}`]) {
      expect((await span(name)).parentSpanContext?.spanId).toBe(attempt.spanContext().spanId);
    }
  });

  it('is a span each, all linked to the push', async () => {
    const definition = handle(
      ({ attempt }) => {
        if (attempt < 3) throw new RangeError(`attempt ${attempt}`);
      },
      { maxAttempts: 3 },
    );
    await app.queue.pushTask({ kind: definition, payload: null });
    const attempts = await until(() => {
      const found = spans(`process ${definition.name}`);
      return found.length === 3 && found;
    });
    const push = await span(`push ${definition.name}`);
    expect(attempts.map((attempt) => attempt.attributes['pgqueue.attempt'])).toEqual([1, 2, 3]);
    expect(attempts.map(({ status }) => status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.ERROR,
      SpanStatusCode.UNSET,
    ]);
    expect(attempts.flatMap(linksOf)).toEqual(Array(3).fill(push.spanContext().spanId));
    expect(attempts[0]!.attributes).toMatchObject({ 'error.type': 'RangeError' });
    expect(attempts[0]!.events[0]).toMatchObject({
      name: 'exception',
      attributes: { 'exception.type': 'RangeError', 'exception.message': 'attempt 1' },
    });
  });

  it.each<[string, () => unknown, Record<string, unknown>]>([
    ['a cancel', () => new MustCancelTaskError('no'), { outcome: 'cancelled', code: 0, exceptions: 0 }],
    [
      'a failure to ignore',
      () => new MustIgnoreTaskError('no'),
      { outcome: 'ignored', code: 0, exceptions: 1 },
    ],
    ['a snooze', () => new SnoozeTaskError('1h'), { outcome: 'snoozed', code: 0, exceptions: 0 }],
    ['a text', () => 'no', { outcome: 'failed', code: SpanStatusCode.ERROR, exceptions: 1 }],
    [
      'what nobody can look at',
      revokedProxy,
      { outcome: 'failed', code: SpanStatusCode.ERROR, exceptions: 1 },
    ],
  ])('tells what became of it when its handler throws %s', async (_, thrown, expected) => {
    const definition = handle(() => {
      throw thrown();
    }, ONCE);
    await app.queue.pushTask({ kind: definition, payload: null });
    const { attributes, status, events: told } = await span(`process ${definition.name}`);
    expect({ outcome: attributes['pgqueue.outcome'], code: status.code, exceptions: told.length }).toEqual(
      expected,
    );
  });

  it('ends with its time-out, though its body goes on', async () => {
    const body = deferred();
    const definition = handle(() => body.promise, { ...ONCE, attemptTimeout: 50 });
    await app.queue.pushTask({ kind: definition, payload: null });
    const attempt = await span(`process ${definition.name}`);
    expect(attempt.attributes).toMatchObject({
      'pgqueue.outcome': 'failed',
      'error.type': 'TaskTimeoutError',
    });
    body.resolve();
  });

  it('is lost when its task is cancelled while it runs', async () => {
    const started = deferred();
    const definition = handle(
      ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
          started.resolve();
        }),
      ONCE,
    );
    await app.queue.pushTask({ kind: definition, payload: null, externalKey: 'key' });
    await started.promise;
    await app.queue.cancelTaskByKey(definition, 'key');
    expect((await span(`process ${definition.name}`)).attributes).toMatchObject({
      'pgqueue.outcome': 'lost',
      'error.type': 'TaskCancelledError',
    });
  });

  it('has no link when its task was pushed without a trace', async () => {
    const untraced = await openApp({ options: { autoStart: false } });
    const definition = handle(() => undefined);
    await untraced.queue.pushTask({ kind: definition, payload: null });
    expect((await span(`process ${definition.name}`)).links).toEqual([]);
    await untraced.close();
  });
});

describe('without the module', () => {
  let untraced: OpenApp;

  beforeEach(async () => {
    untraced = await openApp();
  });

  it('nothing is traced or stored', async () => {
    const definition = newKind({ terminalTasksTtl: '1h' });
    untraced.queue.registerKind(definition, () => undefined);
    const heard = untraced.recordEvents();
    await untraced.queue.pushTask({ kind: definition, payload: null });
    await heard.first('attempt-settled');
    expect(exporter.getFinishedSpans()).toEqual([]);
    expect(await untraced.stored(`kind = ${definition.kind}`)).toMatchObject([{ trace: null }]);
  });
});

it('leaves the context of whoever pushes alone', async () => {
  const definition = handle(() => undefined);
  await app.queue.pushTask({ kind: definition, payload: null });
  expect(context.active()).toBe(ROOT_CONTEXT);
  await events.first('attempt-settled', ({ kind }) => kind === definition.kind);
});

/** Started where a span is active, of which no attempt must be a part. */
async function startTraced({ url }: TestDatabase) {
  return trace.getTracer('test').startActiveSpan('boot', async (boot) => {
    const created = await createQueueApp({ url, imports: [PgQueueTracingModule] });
    boot.end();
    return { ...created, recorded: recordEvents(created.queue) };
  });
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function handle(handler: (task: Task) => unknown, options: KindOptions = {}): TaskDefinition<any> {
  const definition = newKind(options);
  app.queue.registerKind(definition, handler);
  return definition;
}

const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
const span = (name: string) => until(() => spans(name)[0]);
const linksOf = ({ links }: ReadableSpan) => links.map((link) => link.context.spanId);

const ONCE = { maxAttempts: 1, backoff: noJitter('1h') } as const;
