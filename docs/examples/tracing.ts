import { Injectable, Module } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import { defineTask, noJitter, type Task, TaskHandler } from 'nestjs-pgqueue';
import { PgQueueTracingModule } from 'nestjs-pgqueue/tracing';

// #region setup
@Module({ imports: [PgQueueTracingModule] }) // beside PgQueueModule
export class TracingModule {}
// #endregion

export const Resize = defineTask<{ image: string }>({ kind: 30, name: 'resize' });

// #region handler
@Injectable()
export class Resizer {
  private readonly tracer = trace.getTracer('images');

  @TaskHandler(Resize, { attemptTimeout: '1m', backoff: noJitter('1m') })
  async resize({ payload }: Task<{ image: string }>) {
    // Within the attempt's span, as are those of instrumented libraries.
    await this.tracer.startActiveSpan('scale', async (span) => {
      span.setAttribute('image', payload.image);
      span.end();
    });
  }
}
// #endregion
