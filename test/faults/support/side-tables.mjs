import pg from 'pg';

/**
 * Where producers and handlers write down what they did, beside the queue's own tables: what the checker judges from.
 * `effects.at` is the start of the transaction, as `finished_at` of a task is. A `life` names one payload that was pushed: a push
 * that replaces gives the same task another one. `singles` has what was going to be pushed without a transaction.
 */
const TABLES = `
CREATE TABLE pushed (task_id bigint PRIMARY KEY, kind smallint NOT NULL, max_attempts int NOT NULL, does text NOT NULL);
CREATE TABLE singles (life text PRIMARY KEY, kind smallint NOT NULL, max_attempts int NOT NULL, does text NOT NULL);
CREATE TABLE cancels (task_id bigint NOT NULL, life text);
CREATE TABLE retries (task_id bigint NOT NULL);
CREATE TABLE starts (n bigserial PRIMARY KEY, task_id bigint NOT NULL, attempt int NOT NULL, run text NOT NULL, pid int NOT NULL,
                     at timestamptz NOT NULL DEFAULT clock_timestamp(), life text);
CREATE INDEX ON starts (task_id);
CREATE TABLE guards (id int PRIMARY KEY);
CREATE TABLE effects (n bigserial PRIMARY KEY, task_id bigint NOT NULL, attempt int NOT NULL, run text NOT NULL,
                      outcome text NOT NULL, at timestamptz NOT NULL DEFAULT now(),
                      guard int REFERENCES guards DEFERRABLE INITIALLY DEFERRED, life text);
CREATE INDEX ON effects (task_id);
`;

/** @param {string} url */
export async function createSideTables(url) {
  await withClient(url, (client) => client.query(TABLES));
}

/**
 * @template T
 * @param {string} url
 * @param {(client: pg.Client) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A server that is stopped under a test closes this one too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * @param {string} url
 * @param {string} sql
 * @param {unknown[]} [values]
 * @returns {Promise<any[]>}
 */
export function ask(url, sql, values) {
  return withClient(url, async (client) => (await client.query(sql, values)).rows);
}
