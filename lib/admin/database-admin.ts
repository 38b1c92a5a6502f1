import { type Action, AdminRepository, type ListPosition } from '../storage/admin.repository.js';
import type { ListShape } from '../storage/list-shape.js';
import type { Database } from '../storage/database.js';
import type { ServerMoment } from '../storage/server-moment.js';
import type { StoredWorker } from '../storage/stored-worker.js';
import type { StoredActivity } from '../inspect/activity.js';
import { explain, type Explanation, notFound } from '../inspect/explanation.js';
import type { CheckedFilter } from '../inspect/task-filter.js';
import type { KindCounts, StoredSummary, TaskDetail, TaskSummary } from '../inspect/task-view.js';
import { timelineOf } from '../inspect/timeline.js';
import type { AdminDatabase } from './admin-database.js';
import { countsOf, readFigures, type Servers, type StoredFigures } from './figures.js';
import type { KindNames } from './kind-names.js';
import { type ActionProgress, type CheckedAction, TaskActions } from './task-actions.js';
import { TaskLister } from './task-lister.js';
import { isLost, refusalOf, slotsOf, startOf, unreportedAfter } from './worker-views.js';

/** The server from which figures that may be a little old are read. */
export type ReadFrom = 'master' | 'replica';

export interface DatabaseAdminDeps {
  readonly source: AdminDatabase;
  readonly names: KindNames;
  readonly statementTimeoutMs: number;
  readonly readFrom: ReadFrom;
}

/** The tasks of one database that a page of a list shows. */
export interface DatabasePage {
  readonly tasks: readonly { readonly task: TaskSummary; readonly place: ListPosition }[];
  readonly examined: number;
  /** Where the next page begins; null behind the last task. */
  readonly next: ListPosition | null;
  readonly ageMs: number | null;
}

/** The figures of one database with the names of kinds, and with ids as the application knows them. */
export interface DatabaseFigures extends Pick<StoredFigures, 'workers' | 'pauses'> {
  readonly counts: readonly KindCounts[];
}

/** At most this many due tasks that run before a task are counted. */
const MAX_BEFORE = 1000;

/** Views and actions for one database. Methods take ids as the database has them, and return them as the application knows them. */
export class DatabaseAdmin {
  readonly name: string;
  private opened: Servers | undefined;
  private readonly lister = new TaskLister(() => this.reading);
  private readonly masterLister = new TaskLister(() => this.master);
  private readonly actions = new TaskActions(() => this.master, this.masterLister, {
    idOf: (id) => this.idOf(id),
    onChanged: (action, kinds) => this.emitChanged(action, kinds),
    onRefused: (action, task, error) => this.emitRefused(action, task, error),
  });

  constructor(private readonly deps: DatabaseAdminDeps) {
    this.name = deps.source.name;
  }

  idOf(id: string): string {
    return this.deps.source.idOf(id);
  }

  /** @param mostKinds how many kinds are counted at most, the others are estimated from the sample; null: all are counted */
  async counts(mostKinds: number | null): Promise<KindCounts[]> {
    const counted = await this.reading.count(mostKinds);
    await this.requireNames([
      ...counted.counted.map(([, kind]) => kind),
      ...counted.sampled.map(([kind]) => kind),
    ]);
    return countsOf(counted, this.deps.names.of);
  }

  /** @param mostKinds as of `counts` */
  async figures(mostKinds: number | null): Promise<DatabaseFigures> {
    const { counted, workers, pauses } = await readFigures(this.open(), mostKinds);
    this.deps.names.learn(workers);
    return { counts: countsOf(counted, this.deps.names.of), workers: this.withIds(workers), pauses };
  }

  async page(
    filter: CheckedFilter,
    limit: number,
    after: ListPosition | null,
    shape: ListShape,
  ): Promise<DatabasePage> {
    const { tasks, ...page } = await this.lister.page(filter, limit, after, shape);
    await this.requireNames(tasks.map(({ task }) => task.kind));
    return { ...page, tasks: tasks.map(({ task, place }) => ({ task: this.show(task), place })) };
  }

  async task(id: string, maxPayloadBytes: number | null): Promise<TaskDetail | null> {
    const found = await this.master.find(id, maxPayloadBytes);
    if (!found) {
      return null;
    }
    const { task, payload, payloadBytes, errors, leaseId } = found;
    const workers = await this.readWorkers();
    const startedAt = leaseId === null ? null : startOf(workers, task.id, task.attemptsElapsed);
    return {
      ...this.show(task),
      payload: payload === null ? null : JSON.parse(payload),
      payloadBytes,
      errors,
      timeline: timelineOf(task, errors, startedAt),
    };
  }

  async explain(id: string): Promise<Explanation> {
    const found = await this.master.findRank(id, MAX_BEFORE);
    if (!found) {
      return notFound(this.idOf(id));
    }
    const { task, leaseId, now, pausedAt, before } = found;
    const workers = await this.readWorkers();
    const holder = workers.find((worker) => worker.leaseId === leaseId);
    const live = workers.filter((worker) => !isLost(worker));
    return explain({
      ...this.show(task),
      now,
      lease:
        leaseId === null
          ? null
          : {
              worker: holder?.worker ?? null,
              silentMs: holder?.silentMs ?? null,
              lost: !holder || isLost(holder),
              startedAt: startOf(workers, task.id, task.attemptsElapsed),
              unreportedAfter: holder ? unreportedAfter(holder) : null,
            },
      refusal: refusalOf(live, task.id),
      pausedAt,
      processes: live.flatMap((worker) => slotsOf(worker, task.kind) ?? []),
      before,
      beforeIsAtLeast: before >= MAX_BEFORE,
    });
  }

  async activity(minutes: number, mostKinds: number | null): Promise<StoredActivity> {
    const stored = await this.reading.activity(minutes, mostKinds);
    await this.requireNames(stored.minutes.map(([kind]) => kind));
    return stored;
  }

  /** The worker processes as their last reports to this database have them. */
  async workers(): Promise<StoredWorker[]> {
    return this.withIds(await this.readWorkers());
  }

  pauses(): Promise<Map<number, Date>> {
    return this.master.pauses();
  }

  setPaused(kind: number, paused: boolean): Promise<boolean> {
    return this.master.setPaused(kind, paused);
  }

  /** Changes the tasks that the filter selects; `progress` counts them meanwhile. */
  act(action: CheckedAction, progress: ActionProgress): Promise<void> {
    return this.actions.run(action, progress);
  }

  /** The clock and the age of the server that figures are read from; queries the primary too when that is another server. */
  async moment(): Promise<ServerMoment> {
    if (this.reading !== this.master) {
      await this.master.moment();
    }
    return this.reading.moment();
  }

  private show(task: StoredSummary): TaskSummary {
    const { source, names } = this.deps;
    return { ...task, id: source.idOf(task.id), shard: source.name, name: names.of(task.kind) };
  }

  private withIds(workers: readonly StoredWorker[]): StoredWorker[] {
    return workers.map((worker) => ({
      ...worker,
      running: worker.running.map(([id, ...attempt]) => [this.idOf(id), ...attempt] as const),
    }));
  }

  private async readWorkers(): Promise<StoredWorker[]> {
    const workers = await this.master.workers();
    this.deps.names.learn(workers);
    return workers;
  }

  private requireNames(kinds: readonly number[]): Promise<void> {
    return this.deps.names.require(kinds, () => this.reading.workers());
  }

  private emitChanged(action: Action, kinds: ReadonlyMap<number, number>): void {
    const { source, names } = this.deps;
    for (const [kind, count] of kinds) {
      const name = names.of(kind);
      if (action === 'retry') {
        source.events.emit({ type: 'tasks-retried', kind, name, count });
      }
      const cancelled = action === 'cancel' ? count : 0;
      for (let emitted = 0; emitted < cancelled; emitted++) {
        source.events.emit({ type: 'task-cancelled', kind, name });
      }
    }
  }

  private emitRefused(step: Action, { id, kind }: StoredSummary, error: unknown): void {
    const { source, names } = this.deps;
    const task = { kind, name: names.of(kind), id: source.idOf(id) };
    source.events.emit({ type: 'task-refused', ...task, step, error, tries: 1, retryInMs: null });
  }

  private get master(): AdminRepository {
    return this.open().master;
  }

  /** The server for figures that may be a little old. */
  private get reading(): AdminRepository {
    return this.open().reading;
  }

  private open(): Servers {
    if (!this.opened) {
      const { source, statementTimeoutMs, readFrom } = this.deps;
      const { database, sql } = source;
      const repositoryOf = (server: Pick<Database, 'transaction'>) => {
        // An application may have started while this server was down.
        const transaction: Database['transaction'] = async (work) => {
          await database.prepare();
          return server.transaction(work);
        };
        return new AdminRepository({ transaction }, sql, statementTimeoutMs);
      };
      const master = repositoryOf(database);
      const replica = readFrom === 'replica' ? database.replica : undefined;
      this.opened = { master, reading: replica ? repositoryOf(replica) : master };
    }
    return this.opened;
  }
}
