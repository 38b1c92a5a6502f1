/** @import { Contender, ContenderName } from '../types.js' */
import bullmqPostgres from './bullmq-postgres.mjs';
import bullmqRedis from './bullmq-redis.mjs';
import graphileWorker from './graphile-worker.mjs';
import pgBoss from './pg-boss.mjs';
import pgqueue from './pgqueue.mjs';
import raw from './raw.mjs';

/** @type {readonly Contender[]} */
export const CONTENDERS = [pgqueue, raw, graphileWorker, pgBoss, bullmqRedis, bullmqPostgres];

/** @param {ContenderName} name */
export function contenderOf(name) {
  return /** @type {Contender} */ (CONTENDERS.find((contender) => contender.name === name));
}
