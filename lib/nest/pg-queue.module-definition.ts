import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PgQueueModuleOptions } from '../cluster/queue.options.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<PgQueueModuleOptions>({ moduleName: 'PgQueue' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPgQueueOptions')
    .build();

/** What `useClass` and `useExisting` of `forRootAsync` provide. */
export interface PgQueueOptionsFactory {
  /** Called once, at boot. */
  createPgQueueOptions(): PgQueueModuleOptions | Promise<PgQueueModuleOptions>;
}
