import { PushBatcher } from '../producer/push-batcher.js';
import { SlowPushRing } from '../producer/slow-push-ring.js';
import { TaskPusher } from '../producer/task-pusher.js';
import type { Database } from '../storage/database.js';
import { DatabaseEncoding } from '../storage/database-encoding.js';
import type { RunStatement } from '../storage/executor.js';
import { LoneDatabase } from '../storage/lone-database.js';
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

/** A start waits no longer for an answer, and with it a stop that comes meanwhile. */
const PATIENCE_MS = 5000;

/** What a shard is made of. */
export interface ShardDeps {
  readonly name: string;
  /** What stands before its tasks' ids. */
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
export class Shard {
  readonly name: string;
  readonly events: DatabaseEvents;
  readonly abandonedTasks = new AbandonedTasks();
  private checking: Promise<void> | undefined;
  private opened:
    | {
        database: Database;
        sql: QueueSql;
        tasks: TaskRepository;
        pusher: TaskPusher;
        lonePusher: TaskPusher;
        gatherer: PushBatcher;
        ring: SlowPushRing;
        encoding: DatabaseEncoding;
      }
    | undefined;

  constructor(private readonly deps: ShardDeps) {
    this.name = deps.name;
    this.events = deps.events;
  }

  /** What stands before its tasks' ids, so that an id means one task in the whole queue. */
  get idPrefix(): string {
    return this.deps.idPrefix;
  }

  /** A task's id as the application knows it. */
  idOf(id: string | number): string {
    return `${this.idPrefix}${id}`;
  }

  /** What became of tasks, with their ids as the application knows them. */
  withIds(results: PushResult[]): PushResult[] {
    return this.idPrefix === ''
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

  /** Pushes by one statement that commits by itself; what comes at once shares one. */
  pushAlone(drafts: readonly TaskDraft[], replace: boolean): Promise<PushResult[]> {
    const { database, lonePusher, gatherer, ring } = this.open();
    return drafts.some(({ externalKey }) => externalKey !== null)
      ? ring.watch(lonePusher.push(database.run, drafts, replace, true), drafts.length)
      : gatherer.push(drafts);
  }

  /**
   * Asks once, on the application's own connections: what is still waited for is not asked again, since that takes another of them.
   * @throws SchemaMismatchError when the queue's tables are missing, of another version, or not accessible.
   */
  async check(use: SchemaUse): Promise<void> {
    this.checking ??= this.ask(use).finally(() => {
      this.checking = undefined;
    });
    await inTime(PATIENCE_MS, this.checking);
  }

  private async ask(use: SchemaUse): Promise<void> {
    await this.database.prepare();
    const { database, encoding, sql } = this.open();
    await database.transaction(async (run) => {
      await checkSchema(run, sql.names.schema, use);
      await encoding.learn(run);
    });
  }

  /**
   * The same of one of several shards, which the others do not wait for: on a connection that is given up when it does not answer,
   * since each of the application's that is lost in a silent network is one less.
   * @throws SchemaMismatchError
   */
  async checkApart(use: SchemaUse): Promise<void> {
    await inTime(PATIENCE_MS, this.database.prepare());
    const { transactionPooling } = this.deps;
    const lone = new LoneDatabase(() => this.database, {
      role: 'check',
      statementTimeoutMs: PATIENCE_MS,
      transactionPooling,
    });
    try {
      const { encoding, sql } = this.open();
      await lone.transaction(async (run) => {
        await checkSchema(run, sql.names.schema, use);
        await encoding.learn(run);
      });
    } finally {
      await lone.close();
    }
  }

  /** @returns whether an open task had this key */
  async cancelByKey(run: RunStatement, kind: number, key: string): Promise<boolean> {
    const { tasks, encoding } = this.open();
    return tasks.cancelByKey(run, kind, await encoding.key(run, key));
  }

  /** The application ends. */
  close(): void {
    this.opened?.database.close();
  }

  /** @throws InvalidOptionError when the application has no such DataSource, InvalidManagerError for one of another database. */
  open() {
    if (!this.opened) {
      const database = this.deps.findDatabase();
      const sql = queueSql(this.deps.schema ?? database.defaultSchema);
      const tasks = new TaskRepository(sql);
      const encoding = new DatabaseEncoding();
      const lonePusher = new TaskPusher(new TaskRepository({ ...sql, ...sql.alone }), encoding);
      const ring = new SlowPushRing(() => database.run(sql.ring, []), this.events);
      const gatherer = new PushBatcher(
        (drafts) => ring.watch(lonePusher.push(database.run, drafts, false, true), drafts.length),
        (work) => this.deps.instruments.background(work),
      );
      const pusher = new TaskPusher(tasks, encoding);
      this.opened = { database, sql, tasks, pusher, lonePusher, gatherer, ring, encoding };
    }
    return this.opened;
  }
}
