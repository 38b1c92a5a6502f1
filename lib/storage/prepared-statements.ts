import { createHash } from 'node:crypto';
import { sqlState } from '../errors/sql-state.js';

/** Errors of a server connection that is shared, as by a pooler in transaction mode: the statement was prepared on another, or by another. */
const NOT_KEPT = new Set(['26000', '42P05']);

/**
 * Names statements for the server to prepare, until it turns out that connections do not keep them: behind a pooler, or where the
 * application discards them. Both refusals come before anything is executed, so that the statement then runs plainly, as all after it.
 */
export class PreparedStatements {
  private readonly names = new Map<string, string>();
  private kept = true;

  async run<T>(sql: string, prepared: (name: string) => Promise<T>, plainly: () => Promise<T>): Promise<T> {
    if (!this.kept) {
      return plainly();
    }
    try {
      return await prepared(this.nameOf(sql));
    } catch (error) {
      if (!NOT_KEPT.has(sqlState(error) ?? '')) {
        throw error;
      }
      this.kept = false;
      return plainly();
    }
  }

  /** The name is made of the text, so that different texts never share one, whoever prepared them. */
  private nameOf(sql: string): string {
    let name = this.names.get(sql);
    if (name === undefined) {
      name = `pgqueue_${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`;
      this.names.set(sql, name);
    }
    return name;
  }
}
