import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlPool } from '../../lib/storage/control-pool.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import { QUEUE_SCHEMA } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { nodesOf, openOwnConnection } from './plans.js';

const HOLDERS = [['1'], [1]];
const sql = queueSql(QUEUE_SCHEMA);

let database: TestDatabase;
let app: QueueApp;
let pool: ControlPool;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url, options: { autoStart: false } });
  pool = openOwnConnection(database.url);
});

afterAll(async () => {
  await pool.close(500);
  await app.close();
  await database.drop();
});

const onOwn = (text: string, values: unknown[]) =>
  pool.transaction({ settings: {} }, async (query) =>
    JSON.parse((await query(text, values))[0]!['QUERY PLAN']!),
  );
const onApplications = async (text: string, values: unknown[]) =>
  (await app.dataSource.query(text, values))[0]['QUERY PLAN'];

describe.each([
  ['was empty when it was vacuumed', ['VACUUM pgqueue']],
  [
    'was filled since',
    [
      'VACUUM pgqueue',
      `INSERT INTO pgqueue (kind, external_key, payload) SELECT 1, n::text, '{}' FROM generate_series(1, 20000) n`,
    ],
  ],
  ['was analyzed', ['ANALYZE pgqueue']],
])('H38: where the table %s', (_, statements) => {
  beforeAll(async () => {
    for (const statement of statements) await app.dataSource.query(statement);
  });

  it.each<[string, typeof onOwn, string, unknown[]]>([
    ['deleting outcomes', onOwn, sql.settleDeleting, HOLDERS],
    ['finishing', onOwn, sql.settleFinished, [...HOLDERS, ['succeeded'], [null], [1]]],
    ['reopening', onOwn, sql.settleReopened, [...HOLDERS, ['1'], [0], [null], [1]]],
    ['beginning last attempts', onOwn, sql.begin, HOLDERS],
    ['unclaiming', onOwn, sql.settleUnclaimed, HOLDERS],
    ['finding lost attempts', onOwn, sql.findLost, HOLDERS],
    ['giving back some of a lease', onOwn, sql.giveBackSome, [['1'], [null], 0, [1], [1], [1]]],
    ['deleting some that expired', onOwn, sql.expireSome, [1, 1000, [1]]],
    ['finding held rows', onOwn, sql.findHeld, [['1']]],
    ['finding duplicates', onApplications, sql.findByKeys, [[1], ['1']]],
    ['cancelling by key', onApplications, sql.cancelByKey, [1, '1']],
    ['cancelling by id', onApplications, sql.act.cancel, [['1']]],
    ['retrying by id', onApplications, sql.act.retry, [['1'], 1]],
    ['deleting by id', onApplications, sql.act.delete, [['1']]],
  ])('%s reads no row but those that it is about', async (__, explain, text, values) => {
    const [{ Plan: plan }] = await explain(`EXPLAIN (FORMAT JSON) ${text}`, values);
    const scans = nodesOf(plan).filter(
      (node) => node['Relation Name'] === 'pgqueue' && / Scan$|^Seq Scan$/.test(node['Node Type']),
    );
    expect(scans.length).toBeGreaterThan(0);
    expect(scans.filter((scan) => !scan['Index Cond'] && !scan['TID Cond'])).toEqual([]);
  });
});
