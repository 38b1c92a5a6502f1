import { trace } from '@opentelemetry/api';
import pg from 'pg';
import { afterAll, expect } from 'vitest';
import { PgQueueTracingModule } from '../../lib/tracing/index.js';
import { databasePerFile, newKind, until } from '../support/index.js';
import { recordSpans } from '../support/recorded-spans.js';

const exporter = recordSpans();
const { it, app } = databasePerFile({ app: { imports: [PgQueueTracingModule] } });

let sent = 0;

it.beforeAll(() => {
  // As the instrumentation of `pg` does.
  pg.Client.prototype.query = function (this: pg.Client, ...args: any[]) {
    sent++;
    trace.getTracer('pg').startSpan('statement').end();
    return query.apply(this, args as never) as never;
  } as never;
});

afterAll(() => {
  pg.Client.prototype.query = query;
});

it('traces no statement of the background: neither polls and heartbeats nor outcomes', async () => {
  const definition = newKind();
  const events = app.recordEvents();
  app.queue.registerKind(definition, () => undefined);
  await app.queue.pushTask({ kind: definition, payload: null });
  await events.first('attempt-settled');
  await until(() => sent > 10);
  const [push] = spans(`push ${definition.name}`);
  // What remains is what the push itself sent.
  const parents = spans('statement').map(({ parentSpanContext }) => parentSpanContext?.spanId);
  expect(new Set(parents)).toEqual(new Set([push!.spanContext().spanId]));
});

const { query } = pg.Client.prototype;

const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
