import { BUCKETS, bucketOf } from '../../dist/lib/inspect/histogram.js';
import { kinds, numberOf } from './kinds.mjs';

const MINUTE_MS = 60_000;
/** So that the processes of the pictures live for as long as it takes to take them. */
const SILENCE_MS = 10 * MINUTE_MS;

const CHARGE = numberOf('charge-card');
const RESIZE = numberOf('resize-image');
const EXPIRE = numberOf('expire-order');
const EXPORT = numberOf('export-report');

const DECLINED = `PaymentError: the provider answered 503: upstream timed out
    at ProviderClient.charge (/app/dist/payments/provider.client.js:88:13)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at async ChargeHandler.charge (/app/dist/payments/charge.handler.js:41:22)
    at async TaskHandlerInvoker.call (/app/node_modules/nestjs-pgqueue/dist/lib/handlers/task-handler.invoker.js:57:9)`;
const RESET =
  'Error: read ECONNRESET\n    at TLSWrap.onStreamRead (node:internal/stream_base_commons:218:20)';

let lastOrder = 481_600;

/** @typedef {import('pg').Client} Client */

/**
 * Fills a migrated queue with what a shop of 50 kinds may look like on a bad day: cards can't be charged, pictures are late, orders
 * are paused, and nobody exports reports.
 * @param {Client} client
 * @returns {Promise<string>} the id of a task that has used up its attempts
 */
export async function fillQueue(client) {
  const leases = await addWorkers(client);
  await addTasks(client);
  await addActivity(client);
  await addRunning(client, leases);
  await client.query(`INSERT INTO pgqueue_pause VALUES (${EXPIRE}, now() - interval '170 minutes')`);
  await client.query('ANALYZE pgqueue');
  return brokenTask(client);
}

/**
 * @param {Client} client
 * @returns {Promise<number[]>} the leases of live processes
 */
async function addWorkers(client) {
  /** @type {number[]} */
  const leases = [];
  for (const [host, silentS, silenceMs] of /** @type {const} */ ([
    ['shop-worker-5c7d9-x2k8p', 0, SILENCE_MS],
    ['shop-worker-5c7d9-q9m4z', 0, SILENCE_MS],
    ['shop-worker-5c7d9-b7t2c', 0, SILENCE_MS],
    ['shop-worker-5c7d9-v6hn1', 95, 15_000],
  ])) {
    const handled = kinds.filter(({ kind }) => kind !== EXPORT);
    /** @type {import('pg').QueryResult<{ id: number }>} */
    const { rows } = await client.query(
      `INSERT INTO pgqueue_lease (worker, host, pid, version, kinds, settings, slots, running, started_at, heartbeat_at)
       VALUES ($1, $2, 1, '0.1.0', $3, $4, $5, '[]', now() - interval '26 hours', now() - $6 * interval '1 second') RETURNING id`,
      [
        `${host}:1:${leases.length + 1}`,
        host,
        handled.map(({ kind }) => kind),
        {
          instance: host,
          silenceMs,
          kinds: Object.fromEntries(handled.map((kind) => [kind.kind, settingsOf(kind)])),
        },
        Object.fromEntries(handled.map((kind) => [kind.kind, slotsOf(kind, leases.length)])),
        silentS,
      ],
    );
    leases.push(...rows.map(({ id }) => id));
  }
  return leases.slice(0, 3);
}

/** @param {import('./kinds.mjs').ShownKind} kind */
function settingsOf({ name }) {
  return {
    name,
    maxAttempts: 10,
    attemptTimeoutMs: MINUTE_MS,
    maxTaskErrorMessages: 3,
    terminalTasksTtlMs: 259_200_000,
    fetcherPeriodMs: 1500,
    janitorPeriodMs: 3_600_000,
  };
}

/**
 * @param {import('./kinds.mjs').ShownKind} kind
 * @param {number} worker
 */
function slotsOf({ kind, capacity }, worker) {
  if (kind === RESIZE) {
    return [capacity, capacity, Date.now() - 12 * MINUTE_MS];
  }
  const busy = kind === EXPIRE ? 0 : Math.floor(capacity * (0.3 + 0.3 * wave(kind * 7 + worker * 3)));
  return [capacity, busy, null];
}

/** @param {Client} client */
async function addTasks(client) {
  for (const { kind, perMinute } of kinds) {
    // Finished ones of the last days, within reason.
    await addSome(client, kind, kind === EXPORT ? 900 : perMinute * 60, 'succeeded', { finishedS: 12 });
    if (kind % 6 === 0) {
      await addSome(client, kind, kind * 3, 'cancelled', { finishedS: 300 });
    }
    if (kind % 3 === 0 && kind !== RESIZE) {
      await addSome(client, kind, kind, 'new', { dueS: 40 });
    }
  }
  await addSome(client, CHARGE, 312, 'no_attempts_left', {
    finishedS: 5,
    messages: [RESET, DECLINED, DECLINED],
  });
  await addSome(client, CHARGE, 57, 'must_retry', { dueS: 3, messages: [DECLINED] });
  await addSome(client, numberOf('validate-vat'), 4, 'no_attempts_left', {
    finishedS: 9000,
    messages: ['Error: MS_UNAVAILABLE'],
  });
  await addSome(client, RESIZE, 1840, 'new', { dueS: -0.4 });
  await addSome(client, EXPORT, 41, 'new', { dueS: -38 });
  await addSome(client, EXPIRE, 96, 'new', { dueS: -100 });
}

/**
 * Tasks that were pushed, are due, or have ended one after the other: so many seconds apart, those to come or those past.
 * @param {Client} client
 * @param {number} kind
 * @param {number} count
 * @param {string} status
 * @param {{ dueS?: number, finishedS?: number, messages?: readonly string[] }} times
 */
async function addSome(client, kind, count, status, { dueS, finishedS = 0, messages }) {
  const open = dueS !== undefined;
  await client.query(
    `INSERT INTO pgqueue (kind, status, created_at, run_at, finished_at, attempts_left, attempts_elapsed, external_key, messages, payload)
     SELECT $1, $3, now() - interval '2 hours' - n * interval '1 second', now() + ($4::float8 * n) * interval '1 second',
       CASE WHEN $5 THEN NULL ELSE now() - ($6::float8 * n) * interval '1 second' END, $7, $8, 'order-' || $10::int + n, $9,
       json_build_object('orderId', $10::int + n, 'customer', json_build_object('id', 7000 + n % 913, 'country', 'DE'),
         'amount', json_build_object('value', 1990 + n * 37 % 20000, 'currency', 'EUR'),
         'lines', json_build_array(json_build_object('sku', 'TEA-' || n % 40, 'quantity', 1 + n % 3)))
     FROM generate_series(1, $2::int) n`,
    [
      kind,
      count,
      status,
      dueS ?? -(finishedS + 1),
      open,
      finishedS,
      status === 'no_attempts_left' ? 0 : 10 - (messages?.length ?? 0),
      status === 'no_attempts_left' ? 10 : (messages?.length ?? (open ? 0 : 1)),
      messages ?? null,
      lastOrder,
    ],
  );
  lastOrder += count;
}

/** @param {Client} client */
async function addActivity(client) {
  const rows = kinds
    .filter(({ kind }) => kind !== EXPORT)
    .flatMap((kind) => Array.from({ length: 61 }, (_, minute) => minuteOf(kind, minute)));
  await client.query(
    `INSERT INTO pgqueue_activity
     SELECT date_trunc('minute', now()) - ago * interval '1 minute', kind, succeeded, failed, exhausted, wait, run
     FROM json_to_recordset($1) AS r (ago int, kind smallint, succeeded bigint, failed bigint, exhausted bigint, wait bigint[], run bigint[])`,
    [JSON.stringify(rows)],
  );
}

/**
 * @param {import('./kinds.mjs').ShownKind} kind
 * @param {number} ago
 */
function minuteOf({ kind, perMinute, runMs }, ago) {
  const bad = kind === CHARGE && ago < 17;
  const share = kind === EXPIRE ? 0 : (0.75 + 0.25 * wave(kind + (60 - ago) / 5)) * (ago === 0 ? 0.4 : 1);
  const attempts = Math.round(perMinute * share);
  const failed = Math.round(attempts * (bad ? 0.45 + (17 - ago) / 60 : kind % 9 === 4 ? 0.02 : 0));
  const waitMs = kind === RESIZE ? 400_000 : 6 + (kind % 7) * 3;
  return {
    ago,
    kind,
    succeeded: attempts - failed,
    failed,
    exhausted: bad ? Math.round(failed * 0.6) : 0,
    wait: histogram(attempts, waitMs),
    run: histogram(attempts, runMs),
  };
}

/**
 * Most are near the middle, some take far longer.
 * @param {number} count
 * @param {number} middleMs
 */
function histogram(count, middleMs) {
  const buckets = Array.from({ length: BUCKETS }, () => 0);
  for (let n = 0; n < count; n++) {
    const ms = middleMs * (0.8 + 0.4 * wave(n)) * (n % 50 === 49 ? 6 : n % 17 === 16 ? 3 : 1);
    const bucket = bucketOf(ms);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  return buckets;
}

/**
 * @param {Client} client
 * @param {readonly number[]} leases
 */
async function addRunning(client, leases) {
  for (const [index, lease] of leases.entries()) {
    const running = [];
    for (const [name, ageS] of /** @type {const} */ ([
      ['transcode-video', 171],
      ['resize-image', 3],
      ['import-feed', 12],
      ['sync-marketplace', 1.6],
    ]).slice(0, 4 - index)) {
      const { rows } = await client.query(
        `INSERT INTO pgqueue (kind, lease_id, attempts_left, attempts_elapsed, run_at, payload) VALUES ($1, $2, 9, 1, now(), '{}') RETURNING id::text`,
        [numberOf(name), lease],
      );
      running.push([rows[0].id, numberOf(name), 1, Date.now() - ageS * 1000]);
    }
    await client.query('UPDATE pgqueue_lease SET running = $1 WHERE id = $2', [
      JSON.stringify(running),
      lease,
    ]);
  }
}

/** @param {Client} client */
async function brokenTask(client) {
  const { rows } = await client.query(
    `SELECT id::text FROM pgqueue WHERE kind = ${CHARGE} AND status = 'no_attempts_left' ORDER BY id LIMIT 1`,
  );
  return rows[0].id;
}

/** From -1 to 1, the same at every run. @param {number} at */
function wave(at) {
  return Math.sin(at * 1.7) * 0.7 + Math.sin(at * 0.31 + 2) * 0.3;
}
