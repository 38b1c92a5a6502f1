import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Resize, Resizer, TracingModule } from '../../docs/examples/tracing.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const exporter = new InMemorySpanExporter();
let database: TestDatabase;
let app: QueueApp;

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url, imports: [TracingModule], providers: [Resizer] });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

it("links an attempt to its push, and holds its handler's spans", async () => {
  await app.queue.pushTask({ kind: Resize, payload: { image: 'cat.png' } });
  const [push, scale, attempt] = await until(() => {
    const ended = exporter.getFinishedSpans();
    const found = ['push resize', 'scale', 'process resize'].map((name) =>
      ended.find((span) => span.name === name)!,
    );
    return found.every(Boolean) && found;
  });
  expect(attempt!.links.map((link) => link.context.traceId)).toEqual([push!.spanContext().traceId]);
  expect(scale!.parentSpanContext?.spanId).toBe(attempt!.spanContext().spanId);
  expect(scale!.attributes).toEqual({ image: 'cat.png' });
});
