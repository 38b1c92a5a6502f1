import { shownKey } from '../task/ascii.js';
import type { ClaimAnswer, ClaimRequest, ClaimedTask } from '../task/claim.js';
import type { ControlPool } from './control-pool.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';

/** The tuple that the claim statement builds for each task. */
type TaskTuple = [
  id: number,
  kind: number,
  priority: number,
  runAt: number,
  left: number,
  elapsed: number,
  key: string | null,
  trace: string | null,
  payload: unknown,
];

/** Claims tasks for this process. */
export class ClaimRepository {
  constructor(
    private readonly pool: ControlPool,
    private readonly sql: QueueSql,
  ) {}

  /** Leases what is due, for all kinds at once, at most as much as is asked. */
  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const { kinds } = request;
    const levels = kinds.flatMap((kind) => kind.levels);
    const first: number[] = [];
    const last: number[] = [];
    let place = 1;
    for (const { levels: own } of kinds) {
      first.push(place);
      place += own.length;
      last.push(place - 1);
    }
    const rows = await this.pool.query('claim', this.sql.claim, [
      request.leaseId,
      intArray(kinds, ({ kind }) => kind),
      intArray(kinds, ({ free }) => free),
      intArray(first, Number),
      intArray(last, Number),
      intArray(levels, ({ priority }) => priority),
      intArray(levels, ({ cursor }) => cursor.runAt),
      intArray(levels, ({ cursor }) => cursor.id),
      request.limit,
      request.forceXid,
      request.findNextDue,
      request.claimId,
    ]);
    return toAnswer(rows[0]!);
  }
}

function toAnswer(row: Record<string, string | null>): ClaimAnswer {
  const tuples = row['tasks'] ? (JSON.parse(row['tasks']) as TaskTuple[]) : [];
  const tasks = tuples.map(toTask);
  const found = Number(row['found']);
  const nextDue = row['next_due'];
  return {
    tasks,
    leaseHeld: found === 0 || tasks.length > 0,
    isComplete: found === tasks.length,
    now: Number(row['now']),
    snapshot: row['snapshot'] as string,
    xid: row['xid'] ? Number(row['xid']) : null,
    rewind: row['rewind'] as string,
    nextDueMs: nextDue === null || nextDue === undefined ? null : Math.max(0, Number(nextDue) / 1000),
  };
}

/** By their places: to destructure an array is to iterate over it. */
function toTask(tuple: TaskTuple): ClaimedTask {
  const left = tuple[4];
  return {
    id: tuple[0],
    kind: tuple[1],
    priority: tuple[2],
    runAt: tuple[3],
    attemptsLeft: left,
    // A last attempt is counted when it begins.
    attempt: left === 0 ? tuple[5] + 1 : tuple[5],
    externalKey: shownKey(tuple[6]),
    trace: tuple[7],
    payload: tuple[8],
  };
}
