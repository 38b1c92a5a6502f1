export * from '../nest/health/pg-queue.health.js';
