/** @import { Contender } from '../types.js' */
import { Queue, Worker } from 'bullmq';
import { bullmq } from './bullmq.mjs';

/** @type {Contender} */
export default bullmq({
  name: 'bullmq-redis',
  server: 'redis',
  packages: ['bullmq', 'ioredis'],
  configurations: {
    best: 'one Worker, 100 jobs at once, completed jobs removed; Redis: append-only file, fsync always',
    default: '1 job at once, completed jobs kept; Redis: append-only file, fsync always',
    ten: '10 jobs at once, else as default',
  },
  classes: { Queue, Worker },
  slots: 100,
  connect({ url, name }) {
    const { hostname, port } = new URL(url);
    return { connection: { host: hostname, port: Number(port) }, prefix: name };
  },
  async install() {},
});
