export { PgQueueDashboardModule } from './dashboard.module.js';
export type { PgQueueDashboardOptionsFactory } from './dashboard.module-definition.js';
export type { DashboardRequest, PgQueueDashboardOptions } from './dashboard.options.js';
export type { Authorization, DashboardVisitor } from './visitor.js';
export type { Redact } from './redactor.js';
export { DashboardFilesError } from './dashboard-assets.js';
