import { ControlPool } from '../../lib/storage/control-pool.js';

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
export function openOwnConnection(connectionString: string): ControlPool {
  return new ControlPool({
    connection: () => ({ connectionString }),
    purpose: { role: 'plans' },
    max: 1,
    deadlineMs: 30_000,
    transactionPooling: false,
    onError: (error) => {
      throw error;
    },
  });
}
