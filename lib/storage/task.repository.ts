import type { TaskDraft } from '../task/task-draft.js';
import type { RunStatement } from './executor.js';
import type { QueueSql } from './sql/index.js';

/** A task as the database has it, for a push that met it. */
export interface StoredKey {
  id: string;
  kind: number;
  externalKey: string;
}

/** What producers do with tasks: each method is one statement, in the caller's transaction or outside any. */
export class TaskRepository {
  constructor(readonly sql: QueueSql) {}

  /** Stores tasks that have no key. @returns their ids, in order. */
  async push(run: RunStatement, drafts: readonly TaskDraft[]): Promise<string[]> {
    const rows = await run(this.sql.push, pushParameters(drafts));
    return rows.map((row) => row['id'] as string);
  }

  /** Stores the tasks whose key is free, and those without one. @returns what was stored, in order. */
  async pushKeyed(
    run: RunStatement,
    drafts: readonly TaskDraft[],
    replace: boolean,
  ): Promise<(Omit<StoredKey, 'externalKey'> & { externalKey: string | null })[]> {
    const rows = await run(replace ? this.sql.pushReplacing : this.sql.pushKeyed, pushParameters(drafts));
    return rows.map((row) => ({
      id: row['id'] as string,
      kind: Number(row['kind']),
      externalKey: row['external_key'] as string | null,
    }));
  }

  /** The stored tasks of these keys, as far as the transaction sees them. */
  async findByKeys(run: RunStatement, drafts: readonly TaskDraft[]): Promise<StoredKey[]> {
    const rows = await run(this.sql.findByKeys, [
      drafts.map(({ kind }) => kind),
      drafts.map(({ externalKey }) => externalKey),
    ]);
    return rows.map((row) => ({
      id: row['id'] as string,
      kind: Number(row['kind']),
      externalKey: row['external_key'] as string,
    }));
  }

  /** @returns whether an open task had this key. */
  async cancelByKey(run: RunStatement, kind: number, externalKey: string): Promise<boolean> {
    const rows = await run(this.sql.cancelByKey, [kind, externalKey]);
    return rows.length > 0;
  }

  /** @returns how many tasks may run again. */
  async retryBroken(run: RunStatement, kind: number, attempts: number, limit: number): Promise<number> {
    const rows = await run(this.sql.retryBroken, [kind, attempts, limit]);
    return Number(rows[0]?.['count'] ?? 0);
  }

  /** Settles an attempt as succeeded. @returns whether it held its lease. */
  async complete(
    run: RunStatement,
    id: string,
    leaseId: number,
    attempt: number,
    keep: boolean,
  ): Promise<boolean> {
    const rows = await run(keep ? this.sql.completeKeeping : this.sql.completeDeleting, [
      id,
      leaseId,
      attempt,
    ]);
    return rows.length > 0;
  }
}

function pushParameters(drafts: readonly TaskDraft[]): unknown[] {
  return [
    `[${drafts.map(({ payload }) => payload).join(',')}]`,
    drafts.map(({ kind }) => kind),
    drafts.map(({ priority }) => priority),
    drafts.map(({ attempts }) => attempts),
    drafts.map(({ externalKey }) => externalKey),
    drafts.map(({ delayMs }) => delayMs),
  ];
}
