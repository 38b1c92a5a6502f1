#!/usr/bin/env node
/**
 * Faults at random under constant traffic, then the checker: `npm run build && node test/faults/random.mjs --minutes 10 --seed 1`.
 * Ends by itself, prints what happened, and exits with 1 when any rule was broken.
 */
import { parseArgs } from 'node:util';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { Chaos } from './support/chaos.mjs';
import { check } from './support/checker.mjs';
import { Fleet } from './support/fleet.mjs';
import { Producer } from './support/producer.mjs';
import { Proxy } from './support/proxy.mjs';
import { randomOf } from './support/random.mjs';
import { printSummary, recoveries } from './support/summary.mjs';
import { Traffic } from './support/traffic.mjs';
import { eventually } from './support/wait.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '6' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const size = Number(values.workers);
console.log(`random faults: ${minutes} minutes, seed ${seed}, ${size} worker processes`);

const server = await EmbeddedPostgres.start({ max_connections: 300 });
const { url } = server;
const producer = await Producer.start(url, {
  extra: { max: 6, connectionTimeoutMillis: 3000, query_timeout: 10_000 },
});
const proxies = await Promise.all(Array.from({ length: size }, () => Proxy.start(server.port)));
const slots = { attemptTimeout: '12s', backoffMs: 300 };
const fleet = new Fleet(
  size,
  {
    url,
    kinds: {
      work: { ...slots, workerCount: 10 },
      other: { ...slots, workerCount: 6 },
      fleeting: { ...slots, workerCount: 4 },
      thrice: { ...slots, workerCount: 1 },
    },
    // An application that may meet a silent network sets these; pg waits for ever by default.
    typeorm: {
      retryAttempts: 100,
      retryDelay: 200,
      extra: { max: 10, connectionTimeoutMillis: 3000, query_timeout: 5000 },
    },
  },
  (slot) => ({ url: /** @type {Proxy} */ (proxies[slot]).through(url) }),
);
await fleet.start();

const startedAt = Date.now();
const traffic = new Traffic(producer, randomOf(seed));
const chaos = new Chaos({ fleet, proxies, server, url }, randomOf(seed + 1));
traffic.start();
chaos.start();
const progress = setInterval(() => {
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`${seconds} s: ${traffic.pushed} tasks pushed, ${fleet.kills.length} kills`);
}, 30_000);
await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
clearInterval(progress);

await traffic.stop();
await chaos.stop();
const calmAt = Date.now();
const finished = await eventually(() => producer.isDone(), 120_000, 'all tasks end', 200).catch((error) => {
  console.error(String(error));
  return false;
});
const drainedMs = Date.now() - calmAt;
const judge = () =>
  check(url, { acknowledged: producer.acknowledged, alive: fleet.workers.map(({ pid }) => pid) });
// The lease of a process that died last may still wait for its rescue.
let verdict = await judge();
for (let tries = 0; tries < 20 && Object.keys(verdict.broken).length > 0; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  verdict = await judge();
}
printSummary({
  seed,
  minutes,
  verdict,
  counts: chaos.counts,
  kills: fleet.kills.length,
  failures: fleet.failures,
  failedStarts: fleet.failedStarts,
  recoveries: await recoveries(url, fleet.kills, chaos.outages),
  drainedMs,
  acknowledged: producer.acknowledged.size,
  cancelled: traffic.cancelled,
  failedPushes: traffic.failed,
});
process.exitCode =
  finished && Object.keys(verdict.broken).length === 0 && fleet.failures.length === 0 ? 0 : 1;
await fleet.close();
await producer.close();
await Promise.all(proxies.map((proxy) => proxy.close()));
await server.stop();
