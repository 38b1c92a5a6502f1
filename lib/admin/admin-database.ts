import type { Database } from '../storage/database.js';
import type { QueueSql } from '../storage/sql/index.js';
import type { EventSink } from '../events/queue-events.js';

/** A database of the queue, as the tools of operators use it. */
export interface AdminDatabase {
  readonly name: string;
  readonly events: EventSink;
  /** A task's id as the application knows it. */
  idOf(id: string): string;
  readonly database: Pick<Database, 'transaction' | 'replica' | 'prepare' | 'connectionOptions'>;
  readonly sql: QueueSql;
}
