import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newKind } from '../support/kinds.js';
import { cannotRunOver } from '../support/over.js';
import { rejectionOf } from '../support/thrown-by.js';
import { until } from '../support/until.js';
import { LANE_SERVERS, POOLED, type Servers } from './lane-servers.js';

const AT_ONCE = 2;

const ownServers = "the servers are the test's own";
const skipped = cannotRunOver({
  pg: ownServers,
  pgbouncer: ownServers,
  schema: ownServers,
  dml: ownServers,
  shards: ownServers,
});

describe.skipIf(skipped).each(LANE_SERVERS)('lanes to tables %s', (_, start) => {
  let servers: Servers;
  /** Holds what reading waits for. */
  let holder: pg.Client;
  /** Commits, so that the server writes to its log what others have done. */
  let other: pg.Client;
  /** Sees what waits. */
  let watcher: pg.Client;

  beforeAll(async () => {
    servers = await start();
    holder = new pg.Client({ connectionString: servers.masterUrl });
    other = new pg.Client({ connectionString: servers.masterUrl });
    watcher = new pg.Client({ connectionString: servers.readUrl });
    await Promise.all([holder.connect(), other.connect(), watcher.connect()]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([holder.end(), other.end(), watcher.end()]);
    await servers.close();
  });

  beforeEach(async () => {
    await holder.query('BEGIN; LOCK TABLE pgqueue');
    await other.query("SELECT pg_logical_emit_message(true, 'test', '')");
    // On a replica once it has been told.
    await until(async () => {
      const { rows } = await watcher.query(
        "SELECT FROM pg_locks WHERE relation = 'pgqueue'::regclass AND mode = 'AccessExclusiveLock' AND granted",
      );
      return rows.length > 0;
    });
  });

  afterEach(() => unlock());

  async function unlock(): Promise<void> {
    await holder.query('ROLLBACK');
    await other.query("SELECT pg_logical_emit_message(true, 'test', '')");
  }

  async function blocked(): Promise<number> {
    const { rows } = await watcher.query(
      `SELECT count(*)::int AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
       WHERE d.datname = current_database() AND NOT l.granted`,
    );
    return rows[0].n;
  }

  it('leave the application its connections, let operators act, and set nothing for others', async () => {
    const { dashboard } = servers;
    const searches = Array.from({ length: 12 }, () => dashboard.get('/pgqueue/api/tasks?text=x'));
    await until(async () => (await blocked()) === AT_ONCE);
    const reader = dashboard.app.get(DataSource).createQueryRunner('slave');
    expect(await reader.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await blocked()).toBe(AT_ONCE);
    expect((await dashboard.post(`kinds/${newKind().kind}/pause`)).status).toBe(200);
    await unlock();
    expect((await Promise.all(searches)).map(({ status }) => status)).toEqual(Array(12).fill(200));
    // A pooler gives each of these another one of its sessions.
    for (let session = 0; session < POOLED; session++) {
      const [settings] = await reader.query("SELECT current_setting('enable_seqscan') AS seqscan");
      expect(settings).toEqual({ seqscan: 'on' });
    }
    await reader.release();
  });

  it('cancel what is asked for by a visitor who leaves', async () => {
    const leaving = new AbortController();
    const { origin } = servers.dashboard;
    const asked = fetch(`${origin}/pgqueue/api/tasks?text=x`, { signal: leaving.signal });
    await until(async () => (await blocked()) === 1);
    leaving.abort();
    await rejectionOf(asked);
    // Long before the statement's own time is over.
    await expect.poll(blocked, { timeout: 2000 }).toBe(0);
  });
});
