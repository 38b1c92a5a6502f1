export * from './pg-queue-tracing.module.js';
