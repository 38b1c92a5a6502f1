import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api';

/** A row should not grow by what others put into a `tracestate`: a longer one is left out. */
const MAX_TRACE_STATE = 256;
const TRACE_PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What travels with a task: W3C's `traceparent` and, behind a space, a short `tracestate`; null when there is no trace. */
export function toCarrier(context: SpanContext): string | null {
  if (!isSpanContextValid(context)) {
    return null;
  }
  const { traceId, spanId, traceFlags, traceState } = context;
  const parent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const state = traceState?.serialize();
  return state && state.length <= MAX_TRACE_STATE ? `${parent} ${state}` : parent;
}

/** Undefined for anything that is not what `toCarrier` made. */
export function fromCarrier(carrier: string | null): SpanContext | undefined {
  const [parent = '', ...state] = carrier?.split(' ') ?? [];
  const [, traceId, spanId, flags] = TRACE_PARENT.exec(parent) ?? [];
  if (!traceId || !spanId || !flags) {
    return undefined;
  }
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(state.length > 0 ? { traceState: createTraceState(state.join(' ')) } : {}),
  };
  return isSpanContextValid(context) ? context : undefined;
}
