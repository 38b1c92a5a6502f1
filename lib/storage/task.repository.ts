import type { AttemptRef } from '../task/settlement.js';
import type { TaskDraft } from '../task/task-draft.js';
import type { Row, RunStatement } from './executor.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';
import { areAlike, parameterOf, PUSHED, sharedOf } from './task-columns.js';

/** A stored task whose key a push has, too. */
export interface StoredKey {
  id: string;
  kind: number;
  externalKey: string;
}

/** The result of completing an attempt in a transaction. */
export type Completion =
  | { readonly done: true; readonly xid: string }
  /** `before`: the attempt was completed in this transaction already, and that was not rolled back. */
  | { readonly done: false; readonly before: boolean };

/** The statements of producers: each method runs one, in the caller's transaction or outside any. */
export class TaskRepository {
  constructor(readonly sql: QueueSql) {}

  /** Stores tasks that have no key. @returns their ids, in order. */
  async push(run: RunStatement, drafts: readonly TaskDraft[]): Promise<string[]> {
    const [first] = drafts as [TaskDraft];
    if (drafts.length === 1) {
      const [row] = await run(this.sql.pushOne, [first.payload, ...sharedOf(first)]);
      return [row!['id'] as string];
    }
    if (drafts.every((draft) => areAlike(draft, first))) {
      const [row] = await run(this.sql.pushSame, [payloads(drafts), ...sharedOf(first)]);
      return idsOf(row as { first: string; ids: string | null }, drafts.length);
    }
    const rows = await run(this.sql.push, pushParameters(drafts));
    return rows.map((row) => row['id'] as string);
  }

  /** Stores tasks that have keys, those of them whose key is free. @returns what was stored, in order. */
  async pushKeyed(run: RunStatement, drafts: readonly TaskDraft[], replace: boolean): Promise<StoredKey[]> {
    const rows = await run(replace ? this.sql.pushReplacing : this.sql.pushKeyed, pushParameters(drafts));
    return rows.map(storedKeyOf);
  }

  /** The stored tasks of these keys, as far as the transaction sees them. */
  async findByKeys(run: RunStatement, drafts: readonly TaskDraft[]): Promise<StoredKey[]> {
    const rows = await run(this.sql.findByKeys, [
      intArray(drafts, ({ kind }) => kind),
      drafts.map(({ externalKey }) => externalKey),
    ]);
    return rows.map(storedKeyOf);
  }

  /** @returns whether an open task had this key. */
  async cancelByKey(run: RunStatement, kind: number, externalKey: string): Promise<boolean> {
    const rows = await run(this.sql.cancelByKey, [kind, externalKey]);
    return rows.length > 0;
  }

  /** @returns how many tasks may run again. */
  async retryExhausted(run: RunStatement, kind: number, attempts: number, limit: number): Promise<number> {
    const rows = await run(this.sql.retryExhausted, [kind, attempts, limit]);
    return Number(rows[0]?.['count'] ?? 0);
  }

  /** The tasks that `retryExhausted` would take, without those of `except`. */
  async findExhausted(
    run: RunStatement,
    kind: number,
    limit: number,
    except: readonly string[],
  ): Promise<string[]> {
    const [row] = await run(this.sql.findExhausted, [kind, limit, except]);
    return JSON.parse(row!['ids'] as string) as string[];
  }

  /** @returns how many of these tasks may run again. */
  async retrySome(run: RunStatement, ids: readonly string[], attempts: number): Promise<number> {
    const [row] = await run(this.sql.act.retry, [ids, attempts]);
    const counts = JSON.parse(row!['answer'] as string) as [kind: number, n: number][];
    return counts.reduce((sum, [, n]) => sum + n, 0);
  }

  /** In a transaction of its own. @returns for how many milliseconds the oldest due task of these kinds has been due; 0: none is. */
  async oldestDue(run: RunStatement, kinds: readonly number[], timeoutMs: number): Promise<number> {
    await run(this.sql.boundReading, [String(timeoutMs)]);
    const [row] = await run(this.sql.oldestDue, [kinds]);
    return Math.max(0, Math.round(Number(row?.['age'] ?? 0)));
  }

  /** Settles an attempt as succeeded, where it holds its task. */
  async complete(run: RunStatement, { id, claimId }: AttemptRef, keep: boolean): Promise<Completion> {
    // Not every library tells the server that a number is a bigint.
    const parameters = [String(id), String(claimId)];
    const [done] = await run(keep ? this.sql.completeKeeping : this.sql.completeDeleting, parameters);
    if (done) {
      return { done: true, xid: done['xid'] as string };
    }
    const [transaction] = await run(this.sql.findCompleted, []);
    const completed = transaction!['completed'] as string | null;
    return { done: false, before: completed?.includes(` ${id}:${claimId} `) ?? false };
  }
}

function storedKeyOf({ id, kind, key }: Row): StoredKey {
  return { id: id as string, kind: Number(kind), externalKey: key as string };
}

function idsOf({ first, ids }: { first: string; ids: string | null }, count: number): string[] {
  if (ids !== null) {
    return (JSON.parse(ids) as number[]).map(String);
  }
  const start = Number(first);
  const contiguous: string[] = [];
  for (let index = 0; index < count; index++) {
    contiguous.push(String(start + index));
  }
  return contiguous;
}

function payloads(drafts: readonly TaskDraft[]): string {
  return `[${drafts.map(({ payload }) => payload).join(',')}]`;
}

function pushParameters(drafts: readonly TaskDraft[]): unknown[] {
  return [payloads(drafts), ...PUSHED.map((column) => parameterOf(column, drafts))];
}
