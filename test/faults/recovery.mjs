#!/usr/bin/env node
/**
 * How long tasks of a killed process wait: `npm run build && node test/faults/recovery.mjs --kills 20`. Seconds from the
 * kill -9 of a worker process that runs ten tasks until all ten run in another, with the default options of the queue.
 */
import { parseArgs } from 'node:util';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { Producer } from './support/producer.mjs';
import { eventually } from './support/wait.mjs';
import { Worker } from './support/worker.mjs';

const TASKS = 10;
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, others: { type: 'string', default: '2' } },
});

const server = await EmbeddedPostgres.start({ max_connections: 100 });
const producer = await Producer.start(server.url);
const config = { url: server.url, kinds: { work: { workerCount: 0 } } };
const others = await Promise.all(Array.from({ length: Number(values.others) }, () => Worker.start(config)));
/** @type {number[]} */
const seconds = [];

for (let kill = 1; kill <= Number(values.kills); kill++) {
  const victim = await Worker.start({ ...config, kinds: { work: { workerCount: TASKS } } });
  const ids = await producer.pushMany(TASKS, { do: 'hang', times: 1 });
  const started = async (/** @type {number} */ attempt) => {
    const rows = await producer.rows(
      'SELECT extract(epoch FROM at)::float AS at FROM starts WHERE task_id = ANY ($1) AND attempt = $2 ORDER BY at',
      [ids, attempt],
    );
    return rows.length === TASKS ? rows : null;
  };
  await eventually(() => started(1), 30_000, 'ten tasks run');
  await Promise.all(others.map((other) => other.ask('workers', { work: TASKS })));
  // At another moment of the heartbeat each time.
  await new Promise((resolve) => setTimeout(resolve, 1000 + Math.random() * 2000));
  const killedAt = Date.now() / 1000;
  victim.kill();
  const rows = await eventually(() => started(2), 60_000, 'ten tasks run again');
  await Promise.all(others.map((other) => other.ask('workers', { work: 0 })));
  const took = rows.at(-1).at - killedAt;
  seconds.push(took);
  console.log(`kill ${kill}: ${took.toFixed(2)} s`);
}

const sorted = seconds.toSorted((a, b) => a - b);
const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
console.log(
  `${sorted.length} kills of a process with ${TASKS} running tasks, until all run elsewhere: ` +
    `median ${median.toFixed(2)} s, maximum ${(sorted.at(-1) ?? 0).toFixed(2)} s`,
);
await Promise.all(others.map((other) => other.destroy()));
await producer.close();
await server.stop();
