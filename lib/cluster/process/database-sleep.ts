import type { ResolvedOptions } from '../queue.options.js';
import type { QueueDatabase } from '../queue-database.js';
import { ListenConnection } from '../../storage/listen-connection.js';
import { WakeSignal } from '../../timing/wake-signal.js';

/**
 * The wait of a process that has nothing to do in a database. One connection listens meanwhile and sends no query; without `listen` there
 * is none.
 */
export class DatabaseSleep {
  private readonly signal = new WakeSignal();
  private connection: ListenConnection | undefined;

  constructor(
    private readonly source: QueueDatabase,
    private readonly options: ResolvedOptions,
  ) {}

  /** From now on whatever is notified ends the wait, and so does the end of the connection. */
  async listen(): Promise<void> {
    const { listen, workerName, statementTimeoutMs, transactionPooling } = this.options;
    if (listen) {
      const { database, sql } = this.source;
      this.connection = await ListenConnection.open(
        {
          connection: database.connectionOptions(),
          worker: workerName,
          deadlineMs: statementTimeoutMs,
          transactionPooling,
        },
        sql.names.channel,
        () => this.end(),
        () => this.end(),
      );
    }
  }

  /** Resolves when something is notified, after `idlePeriod`, or with `end`. */
  async wait(): Promise<void> {
    await this.signal.wait(this.options.idlePeriodMs ?? 0);
  }

  /** Ends the wait, even one that has not begun. */
  end(): void {
    this.signal.wake();
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }
}
