import { expect } from 'vitest';
import { Resize, Resizer, TracingModule } from '../../docs/examples/tracing.js';
import { databasePerFile, until } from '../support/index.js';
import { recordSpans } from '../support/recorded-spans.js';

const exporter = recordSpans();
const { it, app } = databasePerFile({ app: { imports: [TracingModule], providers: [Resizer] } });

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
