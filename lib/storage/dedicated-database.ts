import { ControlPool } from './control-pool.js';
import type { Database } from './database.js';

/** The connection is closed so soon after its last use. */
const IDLE_MS = 1000;
const CLOSE_GRACE_MS = 500;

export interface DedicatedDatabaseOptions {
  /** What the connection is for, as operators see it. */
  readonly role: string;
  readonly statementTimeoutMs: number;
  readonly transactionPooling: boolean;
}

/** A database reached by one connection that is not of the application's pool, which may be used up; it is open only while it is needed. */
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
    const { role, statementTimeoutMs, transactionPooling } = this.options;
    return new ControlPool({
      connection: () => this.database().connectionOptions(),
      purpose: { role },
      max: 1,
      deadlineMs: statementTimeoutMs,
      idleMs: IDLE_MS,
      transactionPooling,
      // An idle connection that breaks is reported by the next query.
      onError: () => undefined,
    });
  }
}
