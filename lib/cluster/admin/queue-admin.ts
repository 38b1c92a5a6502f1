import type { AdminDatabase } from '../../admin/admin-database.js';
import { DatabaseAdmin, type ReadFrom } from '../../admin/database-admin.js';
import { decodedTask } from '../../admin/decoded-task.js';
import type { FiguresLimits } from '../../admin/figures-reader.js';
import { KindNames } from '../../admin/kind-names.js';
import { checkCount } from '../../errors/check.js';
import { errorMessage } from '../../errors/error-message.js';
import type { ActionSource } from '../../events/action-record.js';
import type { QueueEvent } from '../../events/queue-events.js';
import {
  type ActivityOptions,
  activityOf,
  checkMinutes,
  joinActivity,
  type KindActivity,
} from '../../inspect/activity.js';
import type { Explanation } from '../../inspect/explanation.js';
import type {
  ActionOptions,
  ActionResult,
  ActorOptions,
  RetryActionOptions,
} from '../../inspect/operator-action.js';
import { mergeCounts } from '../../inspect/task-counts.js';
import { type PageOptions, type TaskFilter, taskIdOf } from '../../inspect/task-filter.js';
import type {
  KindCounts,
  KindView,
  ShardView,
  TaskDetail,
  TaskOptions,
  TaskPage,
  WorkerView,
} from '../../inspect/task-view.js';
import type { PayloadCodec } from '../../task/payload-codec.js';
import type { KindRef } from '../../task/task-definition.js';
import { callDatabases, resultOf, type DatabaseResults } from '../database-results.js';
import { shardOfTask } from '../shard-name.js';
import { listTasks } from './list-tasks.js';
import { type MergedFigures, mergeFigures, mergeKinds, mergeWorkerViews } from './merged-figures.js';
import { OperatorActions } from './operator-actions.js';
import { type QueueFigures, QueueOverview } from './queue-overview.js';

export interface QueueAdminDeps {
  readonly databases: readonly AdminDatabase[];
  /** The names of the shards that take no new tasks. */
  readonly draining: ReadonlySet<string>;
  readonly statementTimeoutMs: number;
  readonly readFrom: ReadFrom;
  readonly events: { emit(event: QueueEvent): void };
  /** The tool through which operators act, for the record of their actions. */
  readonly via: ActionSource;
  /** The name of a kind that this process handles or pushes; undefined for any other kind. */
  nameOf: (kind: number) => string | undefined;
  codecOf?: (kind: number) => PayloadCodec | undefined;
  /** Calls `work` outside of the request and the trace of the caller. */
  background: <T>(work: () => T) => T;
}

const MAX_PAYLOAD_BYTES = 2 ** 31 - 1;

/**
 * Shows the tasks of the queue, explains why they do not run, and changes them. It works in each process, with or without handlers, on
 * the connections of the application; each of its statements is bounded in rows and by `statementTimeout`.
 *
 * Several shards are shown as one queue. When some of them fail and not all, a method throws a `PartialFailureError` whose `result` is
 * that of the others; no shard delays the others for longer than `statementTimeout` and a moment.
 * @publicApi
 */
export class QueueAdmin {
  private readonly all: readonly DatabaseAdmin[];
  private readonly names: KindNames;
  private readonly queueOverview: QueueOverview;
  private readonly actions: OperatorActions;

  /** @internal Nest makes it: inject it by its class. */
  constructor(/** @internal */ readonly deps: QueueAdminDeps) {
    this.names = new KindNames(deps.nameOf);
    this.all = deps.databases.map((source) => new DatabaseAdmin({ ...deps, source, names: this.names }));
    this.actions = new OperatorActions({ ...deps, databases: this.all, names: this.names });
    this.queueOverview = new QueueOverview(this.all, deps.draining, this.names);
  }

  /** The names of the shards; a queue without `shards` has one. */
  get shardNames(): readonly string[] {
    return this.all.map(({ name }) => name);
  }

  /**
   * The stored tasks by kind and status, and since when the oldest has been due. Cheap however many there are: small numbers are exact,
   * large ones are estimated from a sample of the table, and say so.
   * @throws PartialFailureError
   */
  async counts(): Promise<KindCounts[]> {
    const asked = await callDatabases(this.all, (shard) => shard.counts(null));
    return resultOf(asked, mergeCounts(valuesOf(asked)));
  }

  /**
   * A page of the tasks that match a filter; the first page without `after`. Open tasks come in the order in which they are due,
   * exhausted tasks the newest first, finished tasks the last finished first, and mixed statuses the newest first.
   * A page examines at most 5,000 tasks of each shard: when few of them match, it may be short or empty, and `next` leads on.
   * @throws InvalidOptionError for an unknown filter or a bad value, before a database is queried; PartialFailureError
   */
  list(filter: TaskFilter = {}, page: PageOptions = {}): Promise<TaskPage> {
    return listTasks(this.all, filter, page);
  }

  /**
   * One task with its payload, its last error messages and its timeline; null when it is not stored.
   * @throws InvalidOptionError for what can't be an id, and for an id of no shard
   */
  async task(id: string, { decoded = false, maxPayloadBytes }: TaskOptions = {}): Promise<TaskDetail | null> {
    const { shard, id: ownId } = shardOfTask(this.all, taskIdOf(id));
    if (maxPayloadBytes !== undefined) {
      checkCount('maxPayloadBytes', maxPayloadBytes, MAX_PAYLOAD_BYTES);
    }
    const task = await shard.task(ownId, maxPayloadBytes ?? null);
    return decoded && task ? decodedTask(task, (kind) => this.deps.codecOf?.(kind)) : task;
  }

  /**
   * Why a task is not running, or who runs it: a typed reason and a sentence.
   * @throws InvalidOptionError for what can't be an id, and for an id of no shard
   */
  async explain(id: string): Promise<Explanation> {
    const { shard, id: ownId } = shardOfTask(this.all, taskIdOf(id));
    return shard.explain(ownId);
  }

  /**
   * The results of attempts in the last minutes, in all worker processes, by kind; a kind without attempts is left out.
   * Worker processes store them every 10 s; what they could not store then is added to a later minute.
   * @throws InvalidOptionError for `minutes` that are not 1 to 1440; PartialFailureError
   */
  async activity(options: ActivityOptions = {}): Promise<KindActivity[]> {
    const minutes = checkMinutes(options);
    const asked = await callDatabases(this.all, (shard) => shard.activity(minutes, null));
    return resultOf(asked, activityOf(joinActivity(valuesOf(asked)), minutes, this.names.of));
  }

  /**
   * The kinds that live worker processes handle, with their slots and settings, and those that are paused.
   * @throws PartialFailureError
   */
  async kinds(): Promise<KindView[]> {
    const asked = await callDatabases(this.all, async (shard) => ({
      workers: await shard.workers(),
      pauses: await shard.pauses(),
    }));
    return resultOf(asked, mergeKinds(asked.results, this.names.of));
  }

  /**
   * The worker processes with their last heartbeat, their slots, and what they have run for a second or longer. One that works in
   * several shards has a lease in each, and is here once.
   * @throws PartialFailureError
   */
  async workers(): Promise<WorkerView[]> {
    const asked = await callDatabases(this.all, async (shard) => ({ workers: await shard.workers() }));
    return resultOf(asked, mergeWorkerViews(asked.results, this.names.of));
  }

  /** The shards, and whether each is reachable; never rejects because of an unreachable one. A queue without `shards` has one. */
  async shards(): Promise<ShardView[]> {
    const asked = await callDatabases(this.all, (shard) => shard.moment());
    return this.all.map((shard) => ({
      name: shard.name,
      reachable: !asked.errors.has(shard),
      error: asked.errors.has(shard) ? errorMessage(asked.errors.get(shard)) : null,
      draining: this.deps.draining.has(shard.name),
      ageMs: asked.results.get(shard)?.ageMs ?? null,
      now: asked.results.get(shard)?.now ?? null,
    }));
  }

  /**
   * Tasks, kinds and worker processes, each database read once.
   * @internal For the command line.
   * @throws PartialFailureError
   */
  async figures(): Promise<MergedFigures> {
    const asked = await callDatabases(this.all, (shard) => shard.figures(null));
    return resultOf(asked, mergeFigures(asked.results, this.names.of));
  }

  /**
   * The figures of an overview. A shard that fails, or takes longer than the limits say, has only its error in them.
   * @internal For the dashboard.
   * @throws the error of the first shard when all have failed
   */
  overview(limits: FiguresLimits): Promise<QueueFigures> {
    return this.queueOverview.read(limits);
  }

  /**
   * Pauses a kind in all processes, until it is resumed: no process claims its tasks any more, and running attempts go on. Processes
   * that listen stop at once, others at their next heartbeat, and new ones before their first claim.
   * @returns false when it was paused already
   * @throws InvalidOptionError; PartialFailureError when it is paused in some shards and not in others
   */
  pause(kind: KindRef, options?: ActorOptions): Promise<boolean> {
    return this.actions.setPaused(kind, true, options);
  }

  /**
   * Ends the pause of a kind.
   * @returns false when it was not paused
   * @throws InvalidOptionError; PartialFailureError when it is resumed in some shards and not in others
   */
  resume(kind: KindRef, options?: ActorOptions): Promise<boolean> {
    return this.actions.setPaused(kind, false, options);
  }

  /**
   * Gives exhausted tasks new attempts, due now; other tasks that match the filter are left alone.
   * Like each action it changes 500 tasks per transaction. When a later transaction fails, the earlier changes stay, and it throws a
   * `PartialFailureError`, with one database too, whose `result` says how many were changed.
   * @throws InvalidOptionError before anything is changed; for a filter that names nothing, too; PartialFailureError
   */
  retry(filter: TaskFilter, options?: RetryActionOptions): Promise<ActionResult> {
    return this.actions.act('retry', filter, options);
  }

  /**
   * Cancels open tasks; the signal of a running attempt is aborted, wherever it runs, and its outcome is discarded.
   * @throws InvalidOptionError before anything is changed; PartialFailureError
   */
  cancel(filter: TaskFilter, options?: ActionOptions): Promise<ActionResult> {
    return this.actions.act('cancel', filter, options);
  }

  /**
   * Deletes tasks, and frees their keys. A processing task is left alone, unless only its outcome is refused: cancel it first.
   * @throws InvalidOptionError before anything is changed; PartialFailureError
   */
  delete(filter: TaskFilter, options?: ActionOptions): Promise<ActionResult> {
    return this.actions.act('delete', filter, options);
  }

  /**
   * Makes open tasks due now that are due later: delayed tasks, and tasks that wait for their next attempt.
   * @throws InvalidOptionError before anything is changed; PartialFailureError
   */
  runNow(filter: TaskFilter, options?: ActionOptions): Promise<ActionResult> {
    return this.actions.act('runNow', filter, options);
  }
}

function valuesOf<Answer>({ results }: DatabaseResults<unknown, Answer>): Answer[] {
  return [...results.values()];
}
