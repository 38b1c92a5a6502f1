import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import {
  context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { errorMessage } from '../errors/error-message.js';
import {
  type AttemptInfo,
  type Instrumentation,
  type InstrumentedAttempt,
  type InstrumentedPush,
  Instruments,
  type PushInfo,
} from '../events/instrumentation.js';
import { VERSION } from '../version.js';
import { fromCarrier, toCarrier } from './trace-carrier.js';

const SYSTEM = { 'messaging.system': 'pgqueue' };
const PUSH = { ...SYSTEM, 'messaging.operation.name': 'push', 'messaging.operation.type': 'send' };
const PROCESS = { ...SYSTEM, 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' };

/** As the SDK names it in a context in which nothing is traced: one key for all copies of it. */
const SUPPRESSED = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/**
 * A span for each push and for each attempt, by OpenTelemetry's global tracer provider and after its semantic conventions for
 * messaging. An attempt begins a trace of its own, linked to the push: it may come days later, and more than once.
 */
@Injectable()
export class PgQueueTracing implements Instrumentation, OnModuleDestroy {
  /** Asks for the provider at each span, so that it may be set later. */
  private readonly tracer: Tracer = trace.getTracer('nestjs-pgqueue', VERSION);
  private readonly unregister: () => void;

  constructor(instruments: Instruments) {
    this.unregister = instruments.register(this);
  }

  onModuleDestroy(): void {
    this.unregister();
  }

  startPush({ kinds, count, batch }: PushInfo): InstrumentedPush {
    const destination = kinds.length === 1 ? kinds[0]!.name : undefined;
    const span = this.tracer.startSpan(nameOf('push', destination), {
      kind: SpanKind.PRODUCER,
      attributes: {
        ...PUSH,
        ...(destination === undefined ? {} : { 'messaging.destination.name': destination }),
        ...(batch ? { 'messaging.batch.message_count': count } : {}),
      },
    });
    const own = trace.setSpan(context.active(), span);
    return {
      trace: toCarrier(span.spanContext()),
      run: (store) => context.with(own, store),
      succeeded: ([first]) => {
        if (!batch && first?.id) {
          span.setAttribute('messaging.message.id', first.id);
        }
        span.end();
      },
      failed: (error) => endAfter(span, () => fail(span, error)),
    };
  }

  startAttempt({ name, id, attempt, trace: carrier }: AttemptInfo): InstrumentedAttempt {
    const pushed = fromCarrier(carrier);
    const span = this.tracer.startSpan(
      nameOf('process', name),
      {
        kind: SpanKind.CONSUMER,
        links: pushed ? [{ context: pushed }] : [],
        attributes: {
          ...PROCESS,
          'messaging.destination.name': name,
          'messaging.message.id': id,
          'pgqueue.attempt': attempt,
        },
      },
      ROOT_CONTEXT,
    );
    // Whatever was active where processing was started has nothing to do with this task.
    const own = trace.setSpan(ROOT_CONTEXT, span);
    return {
      run: (body) => context.with(own, body),
      ended: (as, error) =>
        endAfter(span, () => {
          span.setAttribute('pgqueue.outcome', as);
          if (as === 'failed' || as === 'lost') {
            fail(span, error);
          } else if (as === 'ignored') {
            // The handler asked to ignore this failure: the span carries it, and is no error.
            span.recordException(asException(error));
          }
        }),
    };
  }

  /** Polls and heartbeats would each be a trace of its own, day and night. */
  background<T>(work: () => T): T {
    return context.with(ROOT_CONTEXT.setValue(SUPPRESSED, true), work);
  }
}

function nameOf(operation: string, destination: string | undefined): string {
  return destination === undefined ? operation : `${operation} ${destination}`;
}

/** An error's getters may throw: the span ends all the same. */
function endAfter(span: Span, describe: () => void): void {
  try {
    describe();
  } finally {
    span.end();
  }
}

function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', isError(error) ? error.name : '_OTHER');
  span.recordException(asException(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorMessage(error) });
}

function asException(error: unknown): Error | string {
  return isError(error) ? error : errorMessage(error);
}

/** Anything may be thrown, a proxy that throws at this question too. */
function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}
