import {
  dateOf,
  nullableDateOf,
  type PageRow,
  summaryOf,
  type TaskRow,
  type WorkerRow,
  workerOf,
} from './admin-rows.js';
import { DatabaseEncoding } from './database-encoding.js';
import type { StoredActivity } from '../inspect/activity.js';
import type { CountedTasks } from '../inspect/task-counts.js';
import type { CheckedFilter } from '../inspect/task-filter.js';
import { inTime } from '../timing/timeout.js';
import { NoAnswerError } from '../errors/pg-queue.errors.js';
import type { StoredSummary } from '../inspect/task-view.js';
import type { Database } from './database.js';
import type { RunStatement } from './executor.js';
import type { ListShape } from './list-shape.js';
import { evenIfAborted } from './lane-database.js';
import type { ServerMoment } from './server-moment.js';
import type { QueueSql } from './sql/index.js';
import type { StoredWorker } from './stored-worker.js';

/** Where a page ends: the position in the order of its list in µs since the epoch, and the id. */
export interface ListPosition {
  readonly at: number;
  readonly id: string;
}

export interface StoredPage {
  readonly tasks: readonly { readonly task: StoredSummary; readonly place: ListPosition }[];
  readonly examined: number;
  /** How many rows there were to look at, of those that were asked for: some may have been too large together. */
  readonly found: number;
  /** The last row that was looked at. */
  readonly last: ListPosition | null;
  readonly ageMs: number | null;
}

export interface StoredTask<Task = StoredSummary> {
  readonly task: Task;
  readonly leaseId: number | null;
}

export interface RankedTask<Task = StoredSummary, Time = Date> extends StoredTask<Task> {
  readonly before: number;
  readonly now: Time;
  readonly pausedAt: Time | null;
}

export interface StoredDetail<Task = StoredSummary> extends StoredTask<Task> {
  /** Its JSON; null when it is too large. */
  readonly payload: string | null;
  readonly payloadBytes: number;
  readonly errors: string[];
}

/** How tasks are changed, by their ids. */
export type Action = keyof QueueSql['act'];

/** About 4 MB, a few milliseconds. */
const SAMPLE_BLOCKS = 500;
const COUNTED_ROWS = 5000;

/** A server that works ends a statement by itself; its error needs a moment to arrive. */
const GRACE_MS = 500;

/** The queries and actions of operators: each method is one statement, bounded in the rows that it reads and in time. */
export class AdminRepository {
  private readonly encoding = new DatabaseEncoding();

  /** @param database the primary, or a replica for queries that only read */
  constructor(
    private readonly database: Pick<Database, 'transaction'>,
    private readonly sql: QueueSql,
    private readonly statementTimeoutMs: number,
  ) {}

  moment(): Promise<ServerMoment> {
    return this.within(async (_, moment) => moment);
  }

  /** @param mostKinds of further kinds the numbers come from the sample alone; null: all kinds are counted */
  async count(mostKinds: number | null): Promise<CountedTasks & { oldestDue: Map<number, Date> }> {
    const { oldest, ...counted } = await this.query<CountedTasks & { oldest: [kind: number, at: number][] }>(
      this.sql.counts,
      [SAMPLE_BLOCKS, COUNTED_ROWS, mostKinds],
    );
    return { ...counted, oldestDue: new Map(oldest.map(([kind, at]) => [kind, dateOf(at)])) };
  }

  /**
   * One page.
   * @param examine how many rows to look at, at most
   * @param limit how many tasks to return, at most
   */
  async list(
    shape: ListShape,
    filter: CheckedFilter,
    { examine, limit, after }: { examine: number; limit: number; after: ListPosition | null },
  ): Promise<StoredPage> {
    const { kinds, statuses, createdFrom, createdTo, ids } = filter;
    const place = placeOf(shape, after, ids);
    const range = [createdFrom, createdTo].map((date) => date?.getTime() ?? null);
    const { tasks, examined, found, last, ageMs } = await this.within(async (run, moment) => {
      const sought = await this.encoding.sought(run, filter);
      const parameters = [examine, limit, kinds, statuses, ...sought, ...range, ...place];
      return { ...(await valueOf<PageRow>(run, this.sql.list[shape], parameters)), ageMs: moment.ageMs };
    });
    return {
      ageMs,
      tasks: tasks.map(([row, at]) => ({ task: summaryOf(row), place: { at, id: row.id } })),
      examined,
      found,
      last: last && { id: last[0], at: last[1] },
    };
  }

  /** @param maxPayloadBytes a larger payload is not returned; null: any is */
  async find(id: string, maxPayloadBytes: number | null): Promise<StoredDetail | null> {
    const found = await this.query<StoredDetail<TaskRow> | null>(this.sql.findTask, [id, maxPayloadBytes]);
    return found && { ...found, task: summaryOf(found.task) };
  }

  /** The task's rank among the due ones of its kind, of which at most `limit` are counted. */
  async findRank(id: string, limit: number): Promise<RankedTask | null> {
    const found = await this.query<RankedTask<TaskRow, number> | null>(this.sql.findRank, [id, limit]);
    return (
      found && {
        ...found,
        task: summaryOf(found.task),
        now: dateOf(found.now),
        pausedAt: nullableDateOf(found.pausedAt),
      }
    );
  }

  async workers(): Promise<StoredWorker[]> {
    const rows = await this.query<WorkerRow[]>(this.sql.workers, []);
    return rows.map(workerOf);
  }

  async pauses(): Promise<Map<number, Date>> {
    const rows = await this.query<[kind: number, at: number][]>(this.sql.pauses, []);
    return new Map(rows.map(([kind, at]) => [kind, dateOf(at)]));
  }

  /**
   * The numbers of outcomes in the last minutes, the current one included.
   * @param mostKinds of so many kinds, those that fail first, and of the others in the totals alone; null: of all
   */
  activity(minutes: number, mostKinds: number | null): Promise<StoredActivity> {
    return this.query(this.sql.activity, [minutes, mostKinds]);
  }

  /** @returns whether that changed anything. */
  setPaused(kind: number, paused: boolean): Promise<boolean> {
    return this.within(
      async (run) => (await run(paused ? this.sql.pause : this.sql.resume, [kind])).length > 0,
    );
  }

  /** @returns how many were changed, by kind. */
  async act(action: Action, ids: readonly string[], attempts: number | null): Promise<Map<number, number>> {
    const parameters = action === 'retry' ? [ids, attempts] : [ids];
    return new Map(await this.query<[kind: number, n: number][]>(this.sql.act[action], parameters));
  }

  /** Makes every process reset its cursors. */
  rewind(): Promise<unknown> {
    return evenIfAborted(() => this.within((run) => run(this.sql.rewind, [])));
  }

  /** The one value of the one row of a statement; null where there is no row. */
  private query<Answer>(sql: string, parameters: unknown[]): Promise<Answer> {
    return this.within((run) => valueOf(run, sql, parameters));
  }

  /** A server that does not respond in time gets no further statement, since the caller has been told that its call failed. */
  private within<T>(work: (run: RunStatement, moment: ServerMoment) => Promise<T>): Promise<T> {
    const patienceMs = this.statementTimeoutMs + GRACE_MS;
    const deadline = performance.now() + patienceMs;
    const transaction = this.database.transaction(async (run) => {
      const assertInTime = () => {
        if (performance.now() > deadline) {
          throw new NoAnswerError(patienceMs);
        }
      };
      const runInTime: RunStatement = (sql, parameters) => {
        assertInTime();
        return run(sql, parameters);
      };
      const [row] = await runInTime(this.sql.beginRead, [this.statementTimeoutMs]);
      const { now, age } = row as { now: string; age: string | null };
      const ageMs = age === null ? null : Math.ceil(Number(age));
      const result = await work(runInTime, { now: new Date(Number(now)), ageMs });
      // A result that comes too late is rolled back.
      assertInTime();
      return result;
    });
    return inTime(patienceMs, transaction);
  }
}

async function valueOf<Answer>(run: RunStatement, sql: string, parameters: unknown[]): Promise<Answer> {
  const [row] = await run(sql, parameters);
  return JSON.parse((row?.['answer'] as string | undefined) ?? 'null') as Answer;
}

/** The last parameters of a list: its cursor, or its ids. */
function placeOf(shape: ListShape, after: ListPosition | null, ids: readonly string[] | null): unknown[] {
  const id = after?.id ?? null;
  switch (shape) {
    case 'any':
    case 'byKey':
      return [id];
    case 'byId':
      return [id, ids];
    default:
      return [id, after?.at ?? null];
  }
}
