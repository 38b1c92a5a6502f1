import type { ClaimLimits, ClaimRequest, DueTask, LimitedAnswer } from '../task/claim.js';
import type { TextRow } from './connection-options.js';
import { OwnRepository, type StatementName } from './own-repository.js';
import { intArray } from './pg-array.js';
import { type ClaimedRow, toSizedTask, toTask } from './task-columns.js';

/** Claims tasks for this process. */
export class ClaimRepository extends OwnRepository {
  /** Leases due tasks of all kinds at once, within the limits of the request. */
  claim(request: ClaimRequest, limits: ClaimLimits): Promise<LimitedAnswer> {
    const { isSized, except } = limits;
    const parameters = parametersOf(request, limits);
    return isSized || except.length > 0
      ? this.run(isSized ? 'claimSized' : 'claimExcept', [...parameters, intArray(except, Number)])
      : this.run('claim', parameters);
  }

  /** Leases these tasks alone, as far as they are due. */
  claimOnly(request: ClaimRequest, limits: ClaimLimits, ids: readonly number[]): Promise<LimitedAnswer> {
    return this.run('claimOnly', [...parametersOf(request, limits), intArray(ids, Number)]);
  }

  /** The tasks that a claim would lease if no transaction held their rows. */
  async findDue(
    { kinds, limit }: Pick<ClaimRequest, 'kinds' | 'limit'>,
    except: readonly number[],
  ): Promise<DueTask[]> {
    const request = { claimId: 0, leaseId: 0, kinds, limit, forceXid: false, findNextDue: false };
    const parameters = [...parametersOf(request, { maxBytes: 0 }), intArray(except, Number)];
    const [row] = await this.query('findDue', parameters);
    const found = JSON.parse(row!['due']!) as [number, number, number, number][];
    return found.map(([id, kind, priority, runAt]) => ({ id, kind, priority, runAt }));
  }

  /** Those of these tasks that are still due, and that no lease holds. */
  async findDueAmong(ids: readonly number[]): Promise<ReadonlySet<number>> {
    const [row] = await this.query('findDueAmong', [intArray(ids, Number)]);
    return new Set(JSON.parse(row!['due']!) as number[]);
  }

  private async run(name: StatementName, parameters: unknown[]): Promise<LimitedAnswer> {
    const [row] = await this.query(name, parameters);
    return toAnswer(row!);
  }
}

function parametersOf(
  { claimId, leaseId, kinds, limit, forceXid, findNextDue }: ClaimRequest,
  { maxBytes }: Pick<ClaimLimits, 'maxBytes'>,
): unknown[] {
  const levels = kinds.flatMap((kind) => kind.levels);
  const first: number[] = [];
  const last: number[] = [];
  let place = 1;
  for (const { levels: own } of kinds) {
    first.push(place);
    place += own.length;
    last.push(place - 1);
  }
  return [
    leaseId,
    intArray(kinds, ({ kind }) => kind),
    intArray(kinds, ({ free }) => free),
    intArray(first, Number),
    intArray(last, Number),
    intArray(levels, ({ priority }) => priority),
    intArray(levels, ({ cursor }) => cursor.runAt),
    intArray(levels, ({ cursor }) => cursor.id),
    limit,
    forceXid,
    findNextDue,
    claimId,
    maxBytes,
  ];
}

function toAnswer(row: TextRow): LimitedAnswer {
  const rows = row['tasks'] ? (JSON.parse(row['tasks']) as ClaimedRow[]) : [];
  const tasks = rows.map(row['withheld'] === null ? toTask : toSizedTask);
  const found = Number(row['found']);
  const nextDue = row['next_due'];
  return {
    tasks,
    leaseHeld: found === 0 || tasks.length > 0,
    isComplete: found === tasks.length,
    hasSkipped: Number(row['skipped']) > 0,
    isCut: row['cut'] === 't',
    isWithheld: row['withheld'] === 't',
    now: Number(row['now']),
    snapshot: row['snapshot'] as string,
    xid: row['xid'] ? Number(row['xid']) : null,
    rewind: row['rewind'] as string,
    nextDueMs: nextDue === null || nextDue === undefined ? null : Math.max(0, Number(nextDue) / 1000),
  };
}
