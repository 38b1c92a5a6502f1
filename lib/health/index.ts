export * from './pg-queue.health.js';
