import { describe, expect } from 'vitest';
import { queueSql } from '../../lib/storage/sql/index.js';
import { databasePerFile, IDLE } from '../support/index.js';
import { QUEUE_SCHEMA } from '../support/over.js';
import { nodesOf, openOwnConnection } from './plans.js';

const { it, app, pool } = databasePerFile({ app: IDLE, pool: openOwnConnection });

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
  it.beforeAll(async () => {
    for (const statement of statements) await app.dataSource.query(statement);
  });

  const HOLDERS = [['1'], [1]];
  const sql = queueSql(QUEUE_SCHEMA);

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

async function onOwn(text: string, values: unknown[]) {
  return pool.transaction({ settings: {} }, async (query) =>
    JSON.parse((await query(text, values))[0]!['QUERY PLAN']!),
  );
}

async function onApplications(text: string, values: unknown[]) {
  return (await app.dataSource.query(text, values))[0]['QUERY PLAN'];
}
