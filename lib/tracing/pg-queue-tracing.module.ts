import { Module } from '@nestjs/common';
import { PgQueueTracing } from './pg-queue.tracing.js';

/**
 * Traces pushes and attempts by OpenTelemetry. Import it beside `PgQueueModule`; the SDK, its exporter and its context manager are
 * set up as for the rest of the application.
 * @publicApi
 */
@Module({ providers: [PgQueueTracing] })
export class PgQueueTracingModule {}
