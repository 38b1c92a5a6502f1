/** What applications and operators do to the rows of tasks, beside pushing them. */
import { AssertionError } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { between, choose } from './random.mjs';
import { KEYS } from './traffic.mjs';

/** @typedef {import('./producer.mjs').Producer} Producer */

/**
 * `orders` point to tasks, and let them be deleted; `receipts` keep those that they point to. A task of `poison` can't be changed, by
 * anybody. One in so many changes of a task makes its commit slow, as a busy disk or a synchronous standby does.
 */
const TABLES = `
CREATE TABLE orders (task_id bigint REFERENCES pgqueue ON DELETE SET NULL);
CREATE INDEX ON orders (task_id);
CREATE TABLE receipts (task_id bigint REFERENCES pgqueue);
CREATE INDEX ON receipts (task_id);
CREATE TABLE poison (task_id bigint PRIMARY KEY, code text NOT NULL);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
  how text := (SELECT code FROM poison WHERE task_id = old.id);
BEGIN
  IF how IS NOT NULL THEN
    RAISE 'task % is refused', old.id USING ERRCODE = how;
  END IF;
  RETURN CASE WHEN tg_op = 'DELETE' THEN old ELSE new END;
END $$;
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON pgqueue FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE SEQUENCE slow_commits;
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  PERFORM nextval('slow_commits'), pg_sleep(0.2 * random());
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT OR UPDATE ON pgqueue DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (random() < 0.002) EXECUTE FUNCTION take_time();`;

/** Open tasks, some of them running. $1 how many */
const SOME = "SELECT id FROM pgqueue WHERE status IN ('new', 'must_retry') ORDER BY random() LIMIT $1";
/** As a check, a cast, a right, a damaged row and a trigger of one's own refuse. */
const CODES = ['23514', '22P02', '42501', 'XX001', 'P0001'];

/** Syntax, and names that nothing has. */
const NEVER_WORKS = new Set(['42601', '42703', '42883', '42P01', '42P02']);
const SLOW_COMMITS = 'slow commits';

export class Interference {
  /** How often each was done. @type {Record<string, number>} */
  counts = { [SLOW_COMMITS]: 0 };
  /** What can't be. @type {string[]} */
  mistakes = [];
  #ending = new AbortController();
  /** @type {Promise<void>[]} */
  #loops = [];

  /**
   * @param {string} url of the server itself
   * @param {Producer} producer
   * @param {() => number} random
   * @param {Set<string>} without names of what is left out
   */
  constructor(url, producer, random, without) {
    this.producer = producer;
    this.without = without;
    this.random = random;
    this.pool = new pg.Pool({
      connectionString: url,
      max: 12,
      connectionTimeoutMillis: 3000,
      query_timeout: 10_000,
    });
    this.pool.on('error', () => undefined);
    // One that is ended while it waits tells of that too.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async prepare() {
    await this.pool.query(TABLES);
  }

  start() {
    this.#loops = [
      this.#every(300, 'rows locked for a while', () => this.#lock()),
      this.#every(150, 'foreign keys to tasks', () => this.#reference('orders', SOME)),
      this.#every(3000, 'foreign keys that keep tasks', () => this.#keep()),
      this.#every(4000, 'rows that refuse changes', () => this.#poison()),
      this.#every(700, 'tasks parked', () => this.#park()),
      this.#every(200, 'cancels tried, most rolled back', () => this.#cancel()),
      this.#every(4000, 'tasks with new attempts', () => this.producer.retry('flaky', 100)),
    ];
  }

  /** Ends it all; nothing stays refused or parked. */
  async stop() {
    this.#ending.abort();
    await Promise.all(this.#loops);
    const { rows } = await this.pool.query('SELECT last_value::int AS count FROM slow_commits');
    this.counts[SLOW_COMMITS] = rows[0].count;
    await this.pool.end();
  }

  /**
   * @param {number} ms at most so long between
   * @param {string} name
   * @param {() => Promise<number | void>} act
   */
  async #every(ms, name, act) {
    this.counts[name] = 0;
    while (!this.#ending.signal.aborted && !this.without.has(name)) {
      await this.#wait(between(this.random, 0, ms));
      try {
        const count = (await act()) ?? 1;
        this.counts[name] += count;
      } catch (error) {
        // Else the server is away, or somebody was first.
        if (error instanceof AssertionError || isWrong(error))
          this.mistakes.push(`${name}: ${String(error)}`);
      }
    }
  }

  /** @param {number} ms */
  async #wait(ms) {
    await pause(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }

  /**
   * In a transaction that stays open for a while, and is rolled back half of the time.
   * @param {(client: pg.PoolClient) => Promise<unknown>} work
   * @param {number} ms
   */
  async #hold(work, ms) {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await this.#wait(between(this.random, 0, ms));
      await client.query(this.random() < 0.5 ? 'COMMIT' : 'ROLLBACK');
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  #lock() {
    return this.#hold(
      (client) => client.query(`SELECT id FROM pgqueue WHERE id IN (${SOME}) FOR UPDATE SKIP LOCKED`, [3]),
      1200,
    );
  }

  /**
   * @param {'orders' | 'receipts'} table
   * @param {string} tasks
   */
  #reference(table, tasks) {
    return this.#hold((client) => client.query(`INSERT INTO ${table} ${tasks}`, [3]), 1500);
  }

  /** Of tasks that are to be deleted when they end. */
  async #keep() {
    await this.#reference('receipts', SOME.replace('WHERE', 'WHERE kind = 3 AND'));
    await this.#wait(5000);
    await this.#surely(() => this.pool.query('DELETE FROM receipts'));
  }

  async #poison() {
    const code = choose(
      this.random,
      CODES.map((each) => /** @type {const} */ ([1, each])),
    );
    const { rowCount } = await this.pool.query(`INSERT INTO poison SELECT id, $2 FROM (${SOME}) AS picked`, [
      2,
      code,
    ]);
    await this.#wait(between(this.random, 1000, 8000));
    await this.#surely(() => this.pool.query('DELETE FROM poison'));
    return rowCount ?? 0;
  }

  /** As an operator does who wants to look at them first. */
  async #park() {
    const free = SOME.replace('WHERE', 'WHERE lease_id IS NULL AND');
    /** @type {string[]} */
    let ids = [];
    try {
      await this.#hold(async (client) => {
        const { rows } = await client.query(
          `UPDATE pgqueue SET run_at = 'infinity'
           WHERE id IN (SELECT id FROM pgqueue WHERE id IN (${free}) AND lease_id IS NULL FOR NO KEY UPDATE SKIP LOCKED) RETURNING id`,
          [2],
        );
        ids = rows.map(({ id }) => String(id));
      }, 100);
    } finally {
      await this.#wait(between(this.random, 100, 3000));
      if (ids.length > 0) await this.#surely(() => this.producer.runNow(ids));
    }
    return ids.length;
  }

  /** Some of them change their minds, some while others wait for them. */
  async #cancel() {
    const key = `key-${Math.floor(this.random() * KEYS)}`;
    await this.producer
      .cancel('keyed', key, async () => {
        await this.#wait(this.random() < 0.5 ? 0 : between(this.random, 0, 600));
        if (this.random() < 0.7) throw new ChangeOfMind();
      })
      .catch((error) => {
        if (!(error instanceof ChangeOfMind)) throw error;
      });
  }

  /** What must not stay when the run ends. @param {() => Promise<unknown>} mend */
  async #surely(mend) {
    for (;;) {
      try {
        await mend();
        return;
      } catch {
        await pause(200);
      }
    }
  }
}

class ChangeOfMind extends Error {}

/** Whether a statement of this file can't work, whatever the server and others do. @param {unknown} error */
function isWrong(error) {
  const { code } = /** @type {{ code?: string }} */ (error);
  return code !== undefined && NEVER_WORKS.has(code);
}
