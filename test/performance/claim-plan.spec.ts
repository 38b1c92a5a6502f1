import { describe, expect } from 'vitest';
import { ClaimRepository } from '../../lib/storage/claim.repository.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import type { ClaimLimits, ClaimRequest } from '../../lib/task/claim.js';
import type { ControlPool } from '../../lib/storage/control-pool.js';
import { databasePerFile, IDLE } from '../support/index.js';
import { QUEUE_SCHEMA } from '../support/over.js';
import { nodesOf, openOwnConnection, type PlanNode } from './plans.js';

const { it, app, pool } = databasePerFile({ app: IDLE, pool: openOwnConnection });

it.beforeAll(async () => {
  await app.dataSource.query(`INSERT INTO pgqueue_lease (id, worker) VALUES (${LEASE}, 'here')`);
  // Prepared while the table is empty: the worst that can happen to a plan.
  for (const limits of LIMITS) await planOf(requestOf(1, LEVELS), limits);
});

describe('H38: the claim at a million tasks', () => {
  it.beforeAll(async () => {
    await stock(1, 250_000, `now() - n * interval '1 ms', n % 10, 'new', NULL`);
    await stock(1, 250_000, `now() + n * interval '1 s', n % 10, 'must_retry', NULL`);
    await stock(1, 150_000, `now(), 5, 'succeeded', now()`);
    await stock(1, 150_000, `now(), 5, 'no_attempts_left', now()`);
    await stock(2, 200_000, `now(), 5, 'new', NULL`);
  }, 120_000);

  it.each([
    ['before the table was analyzed', 'SELECT 1'],
    ['when it was', 'ANALYZE pgqueue'],
  ])('H38: reads the claim index in its order, and no more of it than it claims, %s', async (_, first) => {
    await app.dataSource.query(first);
    for (const limits of LIMITS) {
      const nodes = await planOf(requestOf(1, LEVELS), limits);
      const ofTasks = nodes.filter((node) => node['Relation Name'] === 'pgqueue');
      expect(
        nodes.filter((node) => /Sort|Bitmap/.test(node['Node Type']) && node['Actual Rows'] > 100),
      ).toEqual([]);
      expect(ofTasks.map((node) => node['Node Type'])).not.toContain('Seq Scan');
      const scans = ofTasks.filter((node) => node['Node Type'] === 'Index Scan');
      expect(scans.map((node) => node['Index Name'])).toEqual(scans.map(() => 'pgqueue_claim'));
      expect(scans.length).toBeGreaterThan(0);
      const read = scans.reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0);
      expect(read).toBeLessThanOrEqual(100);
      expect(ofTasks.map((node) => node['Node Type'])).toContain('Tid Scan');
    }
  });
});

/** One for each form of the statement. */
const LIMITS: ClaimLimits[] = [
  { maxBytes: 1e8, isSized: false, except: [] },
  { maxBytes: 1e8, isSized: true, except: [] },
  { maxBytes: 1e8, isSized: false, except: [1, 2] },
];

const requestOf = (kind: number, priorities: number[], free = 100): ClaimRequest => ({
  claimId: 1,
  leaseId: LEASE,
  kinds: [{ kind, free, levels: priorities.map((priority) => ({ priority, cursor: START })) }],
  limit: 500,
  forceXid: false,
  findNextDue: false,
});

/** The plan of the very statement that claims, as it ran; what it claims is rolled back with its transaction. */
async function planOf(request: ClaimRequest, limits: ClaimLimits): Promise<PlanNode[]> {
  let plan: PlanNode | undefined;
  const explaining = {
    query: (_: string, text: string, values: unknown[]) =>
      pool.transaction({ settings: {} }, async (query) => {
        const [row] = await query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
        plan = JSON.parse(row!['QUERY PLAN']!)[0].Plan as PlanNode;
        await query('DO $$ BEGIN NULL; END $$');
        return [
          { tasks: null, found: '0', now: '0', snapshot: '1:1:', xid: null, rewind: '0', next_due: null },
        ];
      }),
  } as unknown as ControlPool;
  await new ClaimRepository(explaining, queueSql(QUEUE_SCHEMA)).claim(request, limits);
  return nodesOf(plan!);
}

/** What each stock of a kind holds. */
async function stock(kind: number, count: number, columns: string): Promise<void> {
  await app.dataSource.query(
    `INSERT INTO pgqueue (kind, payload, run_at, priority, status, finished_at)
     SELECT ${kind}, '{}', ${columns} FROM generate_series(1, ${count}) n`,
  );
}

const LEVELS = Array.from({ length: 10 }, (_, priority) => priority);
const START = { runAt: -1, id: 0 };
const LEASE = 1;
