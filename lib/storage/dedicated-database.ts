import { ControlPool } from './control-pool.js';
import type { Database } from './database.js';

const CLOSE_GRACE_MS = 500;

export interface DedicatedDatabaseOptions {
  /** What the connections are for, as operators see it. */
  readonly role: string;
  /** At most so many. Default 1. */
  readonly connections?: number;
  /** They are closed so soon after their last use. Default 1 s. */
  readonly idleMs?: number;
  readonly statementTimeoutMs: number;
  readonly transactionPooling: boolean;
}

/** A database reached by connections that are not of the application's pool, which may be used up; they are open only while needed. */
export class DedicatedDatabase implements Pick<Database, 'transaction'> {
  private pool: ControlPool | undefined;

  constructor(
    private readonly database: () => Pick<Database, 'connectionOptions'>,
    private readonly options: DedicatedDatabaseOptions,
  ) {}

  transaction: Database['transaction'] = (work) => {
    this.pool ??= this.open();
    return this.pool.transaction({ settings: {} }, work);
  };

  /** Bounded, whatever the server does. */
  async close(): Promise<void> {
    await this.pool?.close(CLOSE_GRACE_MS);
  }

  private open(): ControlPool {
    const { role, connections = 1, idleMs = 1000, statementTimeoutMs, transactionPooling } = this.options;
    return new ControlPool({
      connection: () => this.database().connectionOptions(),
      purpose: { role },
      max: connections,
      deadlineMs: statementTimeoutMs,
      idleMs,
      transactionPooling,
      // An idle connection that breaks is reported by the next query.
      onError: () => undefined,
    });
  }
}
