import { afterAll, expect } from 'vitest';
import { AdminRepository } from '../../lib/storage/admin.repository.js';
import type { Database } from '../../lib/storage/database.js';
import { DedicatedDatabase } from '../../lib/storage/dedicated-database.js';
import { SnapshotRepository } from '../../lib/storage/snapshot.repository.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import { databasePerFile, IDLE } from '../support/index.js';
import { QUEUE_SCHEMA } from '../support/over.js';

const TASKS = 1_000_000;
const KINDS = 50;

const { it, database, app } = databasePerFile({ app: IDLE });

let lone: DedicatedDatabase;
let nodes: PlanNode[];

it.beforeAll(async () => {
  lone = new DedicatedDatabase(() => ({ connectionOptions: () => ({ connectionString: database.url }) }), {
    role: 'snapshot',
    statementTimeoutMs: 30_000,
    transactionPooling: false,
  });
  await app.dataSource.query(
    `INSERT INTO pgqueue (kind, payload, run_at, priority, status, finished_at)
     SELECT n % ${KINDS}, '{}', now() + (n % 1000 - 500) * interval '1 second', n % 10, s::pgqueue_status, CASE WHEN s = 'succeeded' THEN now() END
     FROM generate_series(1, ${TASKS}) n, LATERAL (SELECT (ARRAY['new', 'must_retry', 'no_attempts_left', 'succeeded'])[1 + n % 4] AS s) v`,
  );
}, 120_000);

afterAll(() => lone.close());

it.each([
  ['before the table was analyzed', 'SELECT 1'],
  ['when it was', 'ANALYZE pgqueue'],
])('H54: a snapshot of a million tasks of 50 kinds reads a small part of them, %s', async (_, first) => {
  await app.dataSource.query(first);
  nodes = [];
  const sql = queueSql(QUEUE_SCHEMA);
  const admin = new AdminRepository(explaining, sql, 30_000);
  const repository = new SnapshotRepository(explaining, sql);
  await admin.count(null);
  await admin.workers();
  await admin.pauses();
  await repository.vitals();
  await repository.read();
  const ofTasks = nodes.filter((node) => node['Relation Name'] === 'pgqueue');
  expect(ofTasks.map((node) => node['Node Type'])).not.toContain('Seq Scan');
  const read = ofTasks.reduce(
    (sum, node) => sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
    0,
  );
  expect(read).toBeGreaterThan(1000);
  // A sample of 8 MB, and some hundred rows of each kind.
  expect(read).toBeLessThan(TASKS / 10);
});

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** The connection that snapshots are taken on, which keeps the plan of each statement as it ran. */
const explaining: Pick<Database, 'transaction'> = {
  transaction: (work) =>
    lone.transaction((run) =>
      work(async (sql, parameters) => {
        if (/\bFROM\b/.test(sql)) {
          const [row] = await run(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, parameters);
          nodes.push(...nodesOf(JSON.parse(row!['QUERY PLAN'] as string)[0].Plan));
        }
        return run(sql, parameters);
      }),
    ),
};

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
