import { ControlPool } from '../../lib/storage/control-pool.js';
import type { TestDatabase } from '../support/test-database.js';

/** What EXPLAIN tells of a step of a plan. */
export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'TID Cond'?: string;
  /** With ANALYZE alone, as the next. */
  'Actual Rows': number;
  'Actual Loops': number;
  Plans?: PlanNode[];
}

/** A step and all below it. */
export function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** A connection as the queue's own are, with their settings of the planner. */
export async function openOwnConnection({ url }: TestDatabase) {
  const pool = new ControlPool({
    connection: () => ({ connectionString: url }),
    purpose: { role: 'plans' },
    max: 1,
    deadlineMs: 30_000,
    transactionPooling: false,
    onError: (error) => {
      throw error;
    },
  });
  const transaction: ControlPool['transaction'] = (options, work) => pool.transaction(options, work);
  return { transaction, close: () => pool.close(500) };
}
