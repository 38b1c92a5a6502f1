import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PgQueueTracingModule } from '../../lib/tracing/index.js';
import { newKind } from '../support/kinds.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const exporter = new InMemorySpanExporter();
const { query } = pg.Client.prototype;

let database: TestDatabase;
let app: QueueApp;
let sent = 0;

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url, imports: [PgQueueTracingModule] });
  // As the instrumentation of `pg` does.
  pg.Client.prototype.query = function (this: pg.Client, ...args: any[]) {
    sent++;
    trace.getTracer('pg').startSpan('statement').end();
    return query.apply(this, args as never) as never;
  } as never;
});

afterAll(async () => {
  pg.Client.prototype.query = query;
  await app.close();
  await database.drop();
  trace.disable();
  context.disable();
});

const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

it('traces no statement of the background: neither polls and heartbeats nor outcomes', async () => {
  const definition = newKind();
  const events = recordEvents(app.queue);
  app.queue.registerKind(definition, () => undefined);
  await app.queue.pushTask({ kind: definition, payload: null });
  await events.first('attempt-settled');
  await until(() => sent > 10);
  const [push] = spans(`push ${definition.name}`);
  // What remains is what the push itself sent.
  const parents = spans('statement').map(({ parentSpanContext }) => parentSpanContext?.spanId);
  expect(new Set(parents)).toEqual(new Set([push!.spanContext().spanId]));
});
