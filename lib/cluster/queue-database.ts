import { PushBatcher } from '../producer/push-batcher.js';
import { SlowPushWaker } from '../producer/slow-push-waker.js';
import { TaskPusher } from '../producer/task-pusher.js';
import type { Database } from '../storage/database.js';
import { DatabaseEncoding } from '../storage/database-encoding.js';
import type { RunStatement } from '../storage/executor.js';
import { DedicatedDatabase } from '../storage/dedicated-database.js';
import { checkSchema } from '../storage/schema-check.js';
import { type QueueSql, queueSql } from '../storage/sql/index.js';
import type { SchemaUse } from '../storage/sql/schema-check.sql.js';
import { TaskRepository } from '../storage/task.repository.js';
import type { Instruments } from '../events/instrumentation.js';
import type { DatabaseEvents } from '../events/queue-events.js';
import type { TaskDraft } from '../task/task-draft.js';
import { inTime } from '../timing/timeout.js';
import type { PushResult } from '../task/task.js';
import { AbandonedTasks } from '../worker/run/abandoned-handlers.js';

/** A start waits for a check no longer than this; a stop that comes meanwhile waits as long. */
const PATIENCE_MS = 5000;

/** What a database of the queue is made of. */
export interface QueueDatabaseDeps {
  readonly name: string;
  /** The prefix of its tasks' ids, by which an id means one task in the whole queue. */
  readonly idPrefix: string;
  readonly schema: string | undefined;
  readonly transactionPooling: boolean;
  readonly events: DatabaseEvents;
  readonly instruments: Instruments;
  findDatabase: () => Database;
}

/**
 * A database that the queue works in, with tables and task ids of its own; most queues have one. It is found when it is first used,
 * since its name may come from an async factory.
 */
export class QueueDatabase {
  readonly name: string;
  readonly events: DatabaseEvents;
  readonly abandonedTasks = new AbandonedTasks();
  private checking: Promise<void> | undefined;
  private opened: ReturnType<typeof partsOf> | undefined;

  constructor(private readonly deps: QueueDatabaseDeps) {
    this.name = deps.name;
    this.events = deps.events;
  }

  /** A task's id as the application knows it. */
  idOf(id: string | number): string {
    return `${this.deps.idPrefix}${id}`;
  }

  /** The results of a push, with the ids of tasks as the application knows them. */
  withIds(results: PushResult[]): PushResult[] {
    return this.deps.idPrefix === ''
      ? results
      : results.map((result) => ({ ...result, id: result.id && this.idOf(result.id) }));
  }

  get database(): Database {
    return this.open().database;
  }

  get sql(): QueueSql {
    return this.open().sql;
  }

  get tasks(): TaskRepository {
    return this.open().tasks;
  }

  /** Pushes in a transaction, whoever opened it. */
  get pusher(): TaskPusher {
    return this.open().pusher;
  }

  /** Pushes by one statement that commits by itself; pushes without keys that come at the same time share one. */
  pushAutocommit(drafts: readonly TaskDraft[], replace: boolean): Promise<PushResult[]> {
    const { store, batcher } = this.open();
    return drafts.some(({ externalKey }) => externalKey !== null)
      ? store(drafts, replace)
      : batcher.push(drafts);
  }

  /**
   * Checks the tables on one of the application's own connections. While a check waits for the database, a further call joins it, since
   * each check takes a connection.
   * @throws SchemaMismatchError when the queue's tables are missing, of another version, or not accessible.
   */
  async check(use: SchemaUse): Promise<void> {
    this.checking ??= this.runCheck(use).finally(() => {
      this.checking = undefined;
    });
    await inTime(PATIENCE_MS, this.checking);
  }

  private async runCheck(use: SchemaUse): Promise<void> {
    await this.database.prepare();
    await this.checkThrough(this.database, use);
  }

  /**
   * The same for one of several databases, for which the others do not wait: on a connection of its own, which is closed when the
   * database does not respond. In a silent network each of the application's connections that waits for a response is one less.
   * @throws SchemaMismatchError
   */
  async checkOnOwnConnection(use: SchemaUse): Promise<void> {
    await inTime(PATIENCE_MS, this.database.prepare());
    const { transactionPooling } = this.deps;
    const dedicated = new DedicatedDatabase(() => this.database, {
      role: 'check',
      statementTimeoutMs: PATIENCE_MS,
      transactionPooling,
    });
    try {
      await this.checkThrough(dedicated, use);
    } finally {
      await dedicated.close();
    }
  }

  private async checkThrough(connection: Pick<Database, 'transaction'>, use: SchemaUse): Promise<void> {
    const { encoding, sql } = this.open();
    await connection.transaction(async (run) => {
      await checkSchema(run, sql.names.schema, use);
      await encoding.learn(run);
    });
  }

  /** @returns whether an open task had this key */
  async cancelByKey(run: RunStatement, kind: number, key: string): Promise<boolean> {
    const { tasks, encoding } = this.open();
    return tasks.cancelByKey(run, kind, await encoding.key(run, key));
  }

  /** Closes the database, when the application ends. */
  close(): void {
    this.opened?.database.close();
  }

  /** @throws InvalidOptionError when the application has no such DataSource, InvalidManagerError for one of another database. */
  open(): ReturnType<typeof partsOf> {
    this.opened ??= partsOf(this.deps);
    return this.opened;
  }
}

/** Finds the database, and makes what works in it. */
function partsOf({ findDatabase, schema, events, instruments }: QueueDatabaseDeps) {
  const database = findDatabase();
  const sql = queueSql(schema ?? database.defaultSchema);
  const tasks = new TaskRepository(sql);
  const encoding = new DatabaseEncoding();
  const background = <T>(work: () => T): T => instruments.background(work);
  const waker = new SlowPushWaker(() => database.run(sql.wakeUp, []), events, background);
  const autocommit = new TaskPusher(new TaskRepository({ ...sql, ...sql.autocommit }), encoding);
  /** Pushes by single statements, each of which commits by itself. */
  const store = (drafts: readonly TaskDraft[], replace: boolean) =>
    waker.watch(autocommit.push(database.run, drafts, replace, true), drafts.length);
  const batcher = new PushBatcher((drafts) => store(drafts, false), background);
  return { database, sql, tasks, encoding, pusher: new TaskPusher(tasks, encoding), store, batcher };
}
