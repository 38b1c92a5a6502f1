#!/usr/bin/env node
/**
 * Faults at random under constant traffic, then the checker: `npm run build && node test/faults/random.mjs --minutes 10 --seed 1`.
 * Ends by itself, prints what happened, and exits with 1 when any rule was broken.
 */
import { parseArgs } from 'node:util';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { Bodies } from './support/bodies.mjs';
import { Chaos } from './support/chaos.mjs';
import { addRules, check } from './support/checker.mjs';
import { Fleet } from './support/fleet.mjs';
import { Harm } from './support/harm.mjs';
import { Interference } from './support/interference.mjs';
import { Producer } from './support/producer.mjs';
import { Proxy } from './support/proxy.mjs';
import { randomOf } from './support/random.mjs';
import { ask } from './support/side-tables.mjs';
import { printSummary, recoveries } from './support/summary.mjs';
import { Traffic } from './support/traffic.mjs';
import { eventually } from './support/wait.mjs';
import { observers, totals } from './support/worker.mjs';

const ATTEMPT_TIMEOUT_S = 12;
/** So long a run leaves no sort of fault out, unless something is wrong with it. */
const SURE_MINUTES = 9;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '6' },
    without: { type: 'string', default: '' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const size = Number(values.workers);
/** Names of faults, to narrow down what found something. */
const without = new Set(values.without.split(',').map((name) => name.trim()));
console.log(`random faults: ${minutes} minutes, seed ${seed}, ${size} worker processes`);

const server = await EmbeddedPostgres.start({ max_connections: 300 });
const { url } = server;
const producers = await Proxy.start(server.port);
const producer = await Producer.start(producers.through(url), {
  extra: { max: 12, connectionTimeoutMillis: 3000, query_timeout: 10_000 },
});
const interference = new Interference(url, producer, randomOf(seed + 2), without);
await interference.prepare();
const proxies = await Promise.all(Array.from({ length: size }, () => Proxy.start(server.port)));
const harm = new Harm();
const bodies = new Bodies(ATTEMPT_TIMEOUT_S * 1000, harm);
observers.add((worker, event) => bodies.observe(worker, event));
const slots = { attemptTimeout: `${ATTEMPT_TIMEOUT_S}s`, backoffMs: 300 };
const fleet = new Fleet(
  size,
  {
    url,
    kinds: {
      work: { ...slots, workerCount: 10 },
      other: { ...slots, workerCount: 6 },
      fleeting: { ...slots, workerCount: 4 },
      thrice: { ...slots, workerCount: 1 },
      flaky: { ...slots, workerCount: 2 },
      keyed: { ...slots, workerCount: 3 },
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
const chaos = new Chaos({ fleet, proxies, producers, harm, server, url }, randomOf(seed + 1), without);
traffic.start();
interference.start();
chaos.start();
const progress = setInterval(() => {
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`${seconds} s: ${traffic.pushed} tasks pushed, ${fleet.kills.length} kills`);
}, 30_000);
await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
await chaos.stop();
await traffic.stop();
await interference.stop();
const calmAt = Date.now();
const finished = await eventually(() => producer.isDone(), 120_000, 'all tasks end', 200).catch((error) => {
  console.error(String(error));
  return false;
});
const drainedMs = Date.now() - calmAt;
clearInterval(progress);
const judge = () =>
  check(url, { acknowledged: producer.acknowledged, alive: fleet.workers.map(({ pid }) => pid) });
// The lease of a process that died last may still wait for its rescue.
let verdict = await judge();
for (let tries = 0; tries < 20 && Object.keys(verdict.broken).length > 0; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  verdict = await judge();
}
const cancels = await ask(
  url,
  "SELECT DISTINCT task_id || ' ' || coalesce(life, 'null') AS name FROM cancels",
);
const isSure = minutes >= SURE_MINUTES && values.without === '';
const neverMade = Object.entries({ ...chaos.counts, ...interference.counts }).flatMap(([name, count]) =>
  count === 0 ? [name] : [],
);
const swept = totals.get('swept') ?? 0;
addRules(verdict, {
  ...bodies.judge(new Set(cancels.map(({ name }) => name))),
  'the sweep finds nothing': Array.from({ length: swept }, (_, n) => `find ${n + 1}`),
  'what is counted is what is found': interference.mistakes,
  'a run of some minutes makes every sort of fault': isSure ? neverMade : [],
});
printSummary({
  seed,
  minutes,
  verdict,
  counts: chaos.counts,
  interference: interference.counts,
  kills: fleet.kills.length,
  failures: fleet.failures,
  failedStarts: fleet.failedStarts,
  recoveries: await recoveries(url, fleet.kills, chaos.outages),
  drainedMs,
  acknowledged: producer.acknowledged.size,
  traffic,
  bodies: bodies.count,
});
process.exitCode =
  finished && Object.keys(verdict.broken).length === 0 && fleet.failures.length === 0 ? 0 : 1;
await fleet.close();
await producer.close();
await Promise.all([producers, ...proxies].map((proxy) => proxy.close()));
await server.stop();
