import { isolateRows } from './isolate-rows.js';
import type { TextRow } from './connection-options.js';
import { listIn } from './own-repository.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';

export type Query = (text: string, values?: unknown[]) => Promise<TextRow[]>;

/** The leases whose tasks are given back, and how. */
export interface GivingBack {
  readonly leases: readonly { readonly id: number; readonly message: string | null }[];
  /** How many attempts each gets back. */
  readonly attempts: 0 | 1;
  /** How many messages each kind keeps. */
  readonly keep: ReadonlyMap<number, number>;
}

/** A task that could not be given back: the database refuses to change its row. */
export interface RefusedRow {
  readonly id: number;
  readonly kind: number;
  readonly leaseId: number;
  readonly error: unknown;
}

export interface GivenBack {
  readonly given: readonly (readonly [kind: number, leaseId: number, count: number, exhausted: number])[];
  /** The leases some of whose tasks other transactions hold. */
  readonly remaining: readonly number[];
  readonly refused: readonly RefusedRow[];
}

/** The settings of a transaction that gives tasks back: a scan of the whole table is right, once per crash, and takes its time. */
export const SCAN = {
  settings: {
    enable_seqscan: 'on',
    enable_hashjoin: 'on',
    plan_cache_mode: 'force_custom_plan',
    lock_timeout: '5s',
  },
  deadlineMs: 120_000,
};

type LeasedRow = readonly [id: number, kind: number, leaseId: number];

/** Gives the tasks of leases back, within a transaction; those whose rows can't be changed are left. */
export async function giveBack(query: Query, sql: QueueSql, what: GivingBack): Promise<GivenBack> {
  try {
    return { ...(await giveSome(query, sql, what, null)), refused: [] };
  } catch {
    // What fails for all rows fails again.
    return giveInParts(query, sql, what);
  }
}

/** Gives back those of these tasks that the leases hold; null: all tasks that they hold. */
export async function giveSome(
  query: Query,
  sql: QueueSql,
  { leases, attempts, keep }: GivingBack,
  ids: readonly number[] | null,
): Promise<Omit<GivenBack, 'refused'>> {
  const kinds = [...keep];
  const row = await undoable(query, async () => {
    const parameters = [
      intArray(leases, ({ id }) => id),
      leases.map(({ message }) => message),
      attempts,
      intArray(kinds, ([kind]) => kind),
      intArray(kinds, ([, messages]) => messages),
    ];
    const [answer] = await (ids
      ? query(sql.giveBackSome, [...parameters, intArray(ids, Number)])
      : query(sql.giveBack, parameters));
    return answer;
  });
  return {
    given: listIn<GivenBack['given'][number]>(row, 'given'),
    remaining: listIn<number>(row, 'remaining'),
  };
}

async function giveInParts(query: Query, sql: QueueSql, what: GivingBack): Promise<GivenBack> {
  const [row] = await query(sql.findLeased, [intArray(what.leases, ({ id }) => id)]);
  const rows = listIn<LeasedRow>(row, 'leased');
  const { results, refused, untried } = await isolateRows(rows, (part) => {
    const ids = part.map(([id]) => id);
    return giveSome(query, sql, what, ids);
  });
  return {
    given: summed(results.flatMap(({ given }) => given)),
    remaining: [...results.flatMap(({ remaining }) => remaining), ...untried.map(([, , leaseId]) => leaseId)],
    refused: refused.map(({ item: [id, kind, leaseId], error }) => ({ id, kind, leaseId, error })),
  };
}

function summed(given: GivenBack['given']): GivenBack['given'] {
  const sums = new Map<string, [...GivenBack['given'][number]]>();
  for (const [kind, leaseId, count, exhausted] of given) {
    const sum = sums.get(`${kind} ${leaseId}`) ?? [kind, leaseId, 0, 0];
    sum[2] += count;
    sum[3] += exhausted;
    sums.set(`${kind} ${leaseId}`, sum);
  }
  return [...sums.values()];
}

/** Runs work in a savepoint, so that a failed statement does not end the transaction. */
async function undoable<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query('SAVEPOINT part');
  try {
    const result = await work();
    await query('RELEASE SAVEPOINT part');
    return result;
  } catch (error) {
    await query('ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part');
    throw error;
  }
}
