import { type DynamicModule, Inject, Module, Optional } from '@nestjs/common';
import { PgQueueCoreModule } from './pg-queue-core.module.js';
import type { ASYNC_OPTIONS_TYPE, OPTIONS_TYPE } from './pg-queue.module-definition.js';
import { PG_QUEUE_OPTIONS } from '../cluster/queue.options.js';
import { QueueLifecycle } from './queue-lifecycle.js';
import { check } from '../errors/check.js';

/**
 * The queue as an application imports it: by `forRoot` or `forRootAsync` once, wherever it likes. `QueueService` can then be
 * injected everywhere; modules that import the bare class as well change nothing.
 * @publicApi
 */
@Module({})
export class PgQueueModule {
  /**
   * The queue with these options. What is wrong with them, or with a handler, stops the boot with an `InvalidOptionError`,
   * `DuplicateKindError`, `UnsupportedHandlerError` or `SchemaMismatchError`.
   */
  static forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return withLifecycle(PgQueueCoreModule.forRoot(options));
  }

  /** The same with options made by `useFactory`, `useClass` or `useExisting`, with `imports` and `inject`. */
  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return withLifecycle(PgQueueCoreModule.forRootAsync(options));
  }

  constructor(@Optional() @Inject(PG_QUEUE_OPTIONS) options: unknown) {
    const problem = 'must be imported once by forRoot or forRootAsync';
    check(options !== undefined, 'PgQueueModule', undefined, problem);
  }
}

function withLifecycle(core: DynamicModule): DynamicModule {
  return { module: PgQueueModule, imports: [core], providers: [QueueLifecycle] };
}
