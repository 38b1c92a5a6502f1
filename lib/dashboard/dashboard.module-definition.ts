import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PgQueueDashboardOptions } from './dashboard.options.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<PgQueueDashboardOptions>({ moduleName: 'PgQueueDashboard' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPgQueueDashboardOptions')
    .build();

/** What `useClass` and `useExisting` of `forRootAsync` provide. */
export interface PgQueueDashboardOptionsFactory {
  /** Called once, at boot. */
  createPgQueueDashboardOptions(): PgQueueDashboardOptions | Promise<PgQueueDashboardOptions>;
}
