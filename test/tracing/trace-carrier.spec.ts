import { createTraceState, type SpanContext } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { fromCarrier, toCarrier } from '../../lib/tracing/trace-carrier.js';

const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const PARENT = `00-${IDS.traceId}-${IDS.spanId}`;

describe('the trace that travels with a task', () => {
  it.each<[string, SpanContext, string]>([
    ['a traceparent', { ...IDS, traceFlags: 1 }, `${PARENT}-01`],
    ['one that is not sampled', { ...IDS, traceFlags: 0 }, `${PARENT}-00`],
    [
      'a tracestate too',
      { ...IDS, traceFlags: 1, traceState: createTraceState('a=1,b=2 3') },
      `${PARENT}-01 a=1,b=2 3`,
    ],
  ])('is %s', (_, context, carrier) => {
    expect(toCarrier(context)).toBe(carrier);
    const { traceState, ...read } = fromCarrier(carrier)!;
    expect(read).toEqual({ ...IDS, traceFlags: context.traceFlags, isRemote: true });
    expect(traceState?.serialize()).toBe(context.traceState?.serialize());
  });

  it('leaves a long tracestate out', () => {
    const traceState = createTraceState(`a=${'x'.repeat(250)},b=${'y'.repeat(20)}`);
    expect(toCarrier({ ...IDS, traceFlags: 1, traceState })).toBe(`${PARENT}-01`);
  });

  it('is none without a span', () => {
    expect(toCarrier({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 })).toBeNull();
  });

  it.each([
    null,
    '',
    'text',
    `${PARENT}`,
    `${PARENT}-1`,
    `01-${IDS.traceId}-${IDS.spanId}-01`,
    `00-${'0'.repeat(32)}-${IDS.spanId}-01`,
    `00-${IDS.traceId}-${'0'.repeat(16)}-01`,
  ])('is none when the row says %j', (carrier) => {
    expect(fromCarrier(carrier)).toBeUndefined();
  });
});
