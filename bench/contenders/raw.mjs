/** The bound: the same work in hand-written SQL over plain `pg`, without retries, leases, errors or shutdown. */
/** @import { Contender } from '../types.js' */
import pg from 'pg';
import { pause } from '../harness/clock.mjs';

const LOOPS = 2;
const CLAIM = 1000;
const IDLE_MS = 5;
/** As many as push at once. */
const POOL = 32;
const CHANNEL = 'raw_task';

const TABLE = `
CREATE TABLE raw_task (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  status smallint NOT NULL DEFAULT 0,
  attempts smallint NOT NULL DEFAULT 0,
  kind smallint NOT NULL DEFAULT 1,
  payload json NOT NULL
);
CREATE INDEX raw_task_due ON raw_task (run_at, id) WHERE status = 0`;

const PUSH = { name: 'push', text: 'INSERT INTO raw_task (payload) VALUES ($1)' };
const PUSH_LOUD = {
  name: 'push_loud',
  text: `WITH pushed AS (INSERT INTO raw_task (payload) VALUES ($1) RETURNING id) SELECT pg_notify('${CHANNEL}', '') FROM pushed`,
};
const PUSH_MANY = {
  name: 'push_many',
  text: 'INSERT INTO raw_task (payload) SELECT value FROM json_array_elements($1::json)',
};
const CLAIM_SOME = {
  name: 'claim',
  text: `
    UPDATE raw_task t SET status = 1, attempts = t.attempts + 1
    FROM (SELECT id FROM raw_task WHERE status = 0 AND run_at <= now() ORDER BY run_at, id LIMIT ${CLAIM} FOR UPDATE SKIP LOCKED) due
    WHERE t.id = due.id RETURNING t.id, t.payload`,
};
const FINISH = { name: 'finish', text: 'DELETE FROM raw_task WHERE id = ANY($1::bigint[])' };

/** @type {Contender} */
export default {
  name: 'raw',
  server: 'postgres',
  packages: ['pg'],
  configurations: {
    best: `${LOOPS} loops, each claims ${CLAIM} and deletes them when they have run; idle: every ${IDLE_MS} ms; no NOTIFY; producers: pool of ${POOL}`,
    listen: 'as best, but every single insert notifies, and idle loops wait for that',
  },

  async install({ url }) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(TABLE);
    await client.end();
  },

  async openProducer({ url }, { configuration }) {
    const pool = new pg.Pool({ connectionString: url, max: POOL });
    const single = configuration === 'listen' ? PUSH_LOUD : PUSH;
    return {
      pushOne: (payload) => pool.query({ ...single, values: [JSON.stringify(payload)] }),
      pushMany: (payloads) => pool.query({ ...PUSH_MANY, values: [JSON.stringify(payloads)] }),
      async countLeft() {
        const { rows } = await pool.query('SELECT count(*)::int AS count FROM raw_task');
        return rows[0].count;
      },
      close: () => pool.end(),
    };
  },

  async openWorker({ url }, { configuration, handle }) {
    const clients = Array.from({ length: LOOPS + 1 }, () => new pg.Client({ connectionString: url }));
    await Promise.all(clients.map((client) => client.connect()));
    const [listener, ...loops] = /** @type {[pg.Client, ...pg.Client[]]} */ (clients);
    const stop = new AbortController();
    /** @type {Promise<void>[]} */
    let running = [];
    /** @type {Set<() => void>} */
    const sleeping = new Set();
    const wake = () => {
      sleeping.forEach((resolve) => resolve());
      sleeping.clear();
    };
    listener.on('notification', wake);

    const idle = () =>
      configuration === 'listen'
        ? new Promise((resolve) => sleeping.add(() => resolve(undefined)))
        : pause(IDLE_MS);

    /** @param {pg.Client} client */
    const run = async (client) => {
      while (!stop.signal.aborted) {
        const { rows } = await client.query(CLAIM_SOME);
        if (rows.length === 0) {
          await idle();
          continue;
        }
        for (const { payload } of rows) await handle(payload);
        await client.query({ ...FINISH, values: [rows.map(({ id }) => id)] });
      }
    };
    return {
      async start() {
        if (configuration === 'listen') await listener.query(`LISTEN ${CHANNEL}`);
        running = loops.map(run);
      },
      async stop() {
        stop.abort();
        wake();
        await Promise.all(running);
        await Promise.all(clients.map((client) => client.end()));
      },
    };
  },
};
