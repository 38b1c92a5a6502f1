import { type Action, AdminRepository, shapeOf } from '../storage/admin.repository.js';
import type { Database } from '../storage/database.js';
import type { QueueSql } from '../storage/sql/index.js';
import { type ActivityOptions, activityOf, checkMinutes, type KindActivity } from '../task/activity.js';
import { explain, type Explanation, notFound } from '../task/explanation.js';
import { type KindRef, kindOf } from '../task/task-definition.js';
import type { ShardEventSink } from '../task/queue-events.js';
import { combineCounts } from '../task/task-counts.js';
import {
  assertCount,
  checkFilter,
  type PageOptions,
  type TaskFilter,
  taskIdOf,
} from '../task/task-filter.js';
import type { KindCounts, KindView, TaskDetail, TaskPage, WorkerView } from '../task/task-view.js';
import { InvalidOptionError } from '../task/task.errors.js';
import { timelineOf } from '../task/timeline.js';
import { KindNames } from './kind-names.js';
import { decodeCursor, encodeCursor } from './page-cursor.js';
import {
  type ActionOptions,
  type ActionResult,
  type RetryActionOptions,
  TaskActions,
} from './task-actions.js';
import { TaskLister } from './task-lister.js';
import { isLost, kindViews, slotsOf, startOf, workerView } from './worker-views.js';

export interface QueueAdminDeps {
  database: () => Pick<Database, 'transaction'>;
  sql: () => QueueSql;
  statementTimeoutMs: number;
  /** The name of a kind that this process knows. */
  nameOf: (kind: number) => string | undefined;
  events: ShardEventSink;
}

const DEFAULT_PAGE = 50;
const MAX_PAGE = 500;
/** So many tasks before one are counted. */
const MAX_BEFORE = 1000;

/**
 * The queue, for those who run it: what there is, why it does not run, and what to do about it. Works in every process, with handlers
 * or without, through the application's own DataSource; each of its statements is bounded in rows and by `statementTimeout`.
 * @publicApi
 */
export class QueueAdmin {
  private opened: AdminRepository | undefined;
  private readonly names: KindNames;
  private readonly lister: TaskLister;
  private readonly actions: TaskActions;

  /** @internal Nest makes it: inject it by its class. */
  constructor(private readonly deps: QueueAdminDeps) {
    const repository = () => this.repository;
    this.names = new KindNames(deps.nameOf, repository);
    this.lister = new TaskLister(repository);
    this.actions = new TaskActions(repository, this.lister, (action, kinds) => this.onChanged(action, kinds));
  }

  /**
   * The stored tasks by kind and status, and since when the oldest has been due. Cheap however many there are: small numbers are exact,
   * large ones are estimated from a sample of the table, and say so.
   */
  async counts(): Promise<KindCounts[]> {
    const { oldestDue, ...counted } = await this.repository.count();
    await this.names.ask([
      ...counted.counted.map(([, kind]) => kind),
      ...counted.sampled.map(([kind]) => kind),
    ]);
    return combineCounts(counted, this.names.of, oldestDue);
  }

  /**
   * A page of the tasks that a filter means; the first without `after`. Open ones come in the order in which they are due, broken ones
   * the newest first, finished ones the last finished first, and statuses of several of these together the newest first.
   * A page looks at 5,000 tasks at most: where few of them are meant it may be short, or empty, and `next` still leads on.
   * @throws InvalidOptionError for an unknown filter or a bad value, before anything is asked
   */
  async list(filter: TaskFilter = {}, page: PageOptions = {}): Promise<TaskPage> {
    const checked = checkFilter(filter);
    const unknown = Object.entries(page).find(([name]) => name !== 'limit' && name !== 'after');
    if (unknown) {
      throw new InvalidOptionError(unknown[0], unknown[1], 'is not an option of a page');
    }
    const { limit = DEFAULT_PAGE, after } = page;
    assertCount('limit', limit, MAX_PAGE);
    const shape = shapeOf(checked);
    const place = after === undefined ? null : decodeCursor(shape, after);
    const { tasks, examined, next } = await this.lister.page(checked, limit, place, shape);
    await this.names.ask(tasks.map(({ kind }) => kind));
    return {
      tasks: tasks.map((task) => ({ ...task, name: this.names.of(task.kind) })),
      examined,
      next: next && encodeCursor(shape, next),
    };
  }

  /**
   * One task with its payload, its last error messages and its timeline; null when it is not stored.
   * @throws InvalidOptionError for what can't be an id
   */
  async task(id: string): Promise<TaskDetail | null> {
    const found = await this.repository.find(taskIdOf(id));
    if (!found) {
      return null;
    }
    const { task, payload, errors, leaseId } = found;
    const workers = await this.workersAsked();
    const startedAt = leaseId === null ? null : startOf(workers, task.id, task.attemptsElapsed);
    return {
      ...task,
      name: this.names.of(task.kind),
      payload: JSON.parse(payload),
      errors,
      timeline: timelineOf(task, errors, startedAt),
    };
  }

  /**
   * Why a task is not running, or who runs it: a typed reason and a sentence.
   * @throws InvalidOptionError for what can't be an id
   */
  async explain(id: string): Promise<Explanation> {
    const found = await this.repository.findPlace(taskIdOf(id), MAX_BEFORE);
    if (!found) {
      return notFound(id);
    }
    const { task, leaseId, now, pausedAt, before } = found;
    const workers = await this.workersAsked();
    const holder = workers.find((worker) => worker.leaseId === leaseId);
    const live = workers.filter((worker) => !isLost(worker));
    return explain({
      ...task,
      now,
      name: this.names.of(task.kind),
      lease:
        leaseId === null
          ? null
          : {
              worker: holder?.worker ?? null,
              silentMs: holder?.silentMs ?? null,
              lost: !holder || isLost(holder),
              startedAt: startOf(workers, task.id, task.attemptsElapsed),
            },
      pausedAt,
      processes: live.flatMap((worker) => slotsOf(worker, task.kind) ?? []),
      before,
      beforeIsAtLeast: before >= MAX_BEFORE,
    });
  }

  /**
   * What attempts came to in the last minutes, in all worker processes, by kind; a kind of which nothing happened is left out.
   * Worker processes write it every 10 s, and what they could not write then is added to a later minute.
   * @throws InvalidOptionError for `minutes` that are not 1 to 1440
   */
  async activity(options: ActivityOptions = {}): Promise<KindActivity[]> {
    const minutes = checkMinutes(options);
    const stored = await this.repository.activity(minutes);
    await this.names.ask(stored.minutes.map(([kind]) => kind));
    return activityOf(stored, minutes, this.names.of);
  }

  /** The kinds that live worker processes handle, with their slots and settings, and those that are paused. */
  async kinds(): Promise<KindView[]> {
    const workers = await this.workersAsked();
    return kindViews(workers, await this.repository.pauses(), this.names.of);
  }

  /** The worker processes with their last heartbeat, their slots, and what they have run for a second or longer. */
  async workers(): Promise<WorkerView[]> {
    const workers = await this.workersAsked();
    return workers.map((worker) => workerView(worker, this.names.of));
  }

  /**
   * Pauses a kind in the whole cluster, until it is resumed: no process claims its tasks any more, those that run go on. Processes
   * that listen heed it at once, the others at their next heartbeat, and new ones before their first claim.
   * @returns false when it was paused already
   * @throws InvalidOptionError
   */
  pause(kind: KindRef): Promise<boolean> {
    return this.setPaused(kind, true);
  }

  /**
   * Ends the pause of a kind.
   * @returns false when it was not paused
   * @throws InvalidOptionError
   */
  resume(kind: KindRef): Promise<boolean> {
    return this.setPaused(kind, false);
  }

  /**
   * Gives tasks without attempts left new ones, due now. The others that the filter means are left alone.
   * Like every action it changes 500 tasks per transaction, and what was changed stays so when a later one fails.
   * @throws InvalidOptionError before anything is changed; for a filter that names nothing, too
   */
  retry(filter: TaskFilter, options?: RetryActionOptions): Promise<ActionResult> {
    return this.actions.run('retry', filter, options);
  }

  /**
   * Cancels open tasks; the signal of a running attempt is aborted, wherever it runs, and its outcome is discarded.
   * @throws InvalidOptionError before anything is changed
   */
  cancel(filter: TaskFilter, options?: ActionOptions): Promise<ActionResult> {
    return this.actions.run('cancel', filter, options);
  }

  /**
   * Deletes tasks, and frees their keys. One that is processing is left alone: cancel it first.
   * @throws InvalidOptionError before anything is changed
   */
  delete(filter: TaskFilter, options?: ActionOptions): Promise<ActionResult> {
    return this.actions.run('delete', filter, options);
  }

  /**
   * Makes open tasks due now that are due later: delayed ones, and those that wait for their next attempt.
   * @throws InvalidOptionError before anything is changed
   */
  runNow(filter: TaskFilter, options?: ActionOptions): Promise<ActionResult> {
    return this.actions.run('runNow', filter, options);
  }

  private get repository(): AdminRepository {
    this.opened ??= new AdminRepository(this.deps.database(), this.deps.sql(), this.deps.statementTimeoutMs);
    return this.opened;
  }

  private async workersAsked() {
    const workers = await this.repository.workers();
    this.names.learn(workers);
    return workers;
  }

  private async setPaused(kind: KindRef, paused: boolean): Promise<boolean> {
    return this.repository.setPaused(kindOf(kind), paused);
  }

  private onChanged(action: Action, kinds: ReadonlyMap<number, number>): void {
    for (const [kind, count] of kinds) {
      const name = this.names.of(kind);
      if (action === 'retry') {
        this.deps.events.emit({ type: 'tasks-retried', kind, name, count });
      }
      const cancelled = action === 'cancel' ? count : 0;
      for (let told = 0; told < cancelled; told++) {
        this.deps.events.emit({ type: 'task-cancelled', kind, name });
      }
    }
  }
}
