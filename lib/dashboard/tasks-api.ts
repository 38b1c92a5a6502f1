import { ForbiddenException, Inject, Injectable, NotFoundException } from '@nestjs/common';
import type { QueueAdmin } from '../cluster/admin/queue-admin.js';
import type { TaskFilter } from '../inspect/task-filter.js';
import type { TaskDetail, WorkerView } from '../inspect/task-view.js';
import { check } from '../errors/check.js';
import { InvalidOptionError, TaskPayloadError } from '../errors/pg-queue.errors.js';
import {
  type ActionAnswer,
  DASHBOARD_ACTIONS,
  type DashboardAction,
  MAX_PAYLOAD_BYTES,
  type PauseResult,
  type Session,
  type TaskAnswer,
  type TaskPageOfOne,
  type WorkerAnswer,
} from './dashboard-api.js';
import { DashboardLanes } from './dashboard-lanes.js';
import { DASHBOARD_OPTIONS, type ResolvedDashboardOptions } from './dashboard.options.js';
import { PartialFailures } from './partial-failures.js';
import { Redactor } from './redactor.js';
import { readFilter, readInteger, readTaskQuery } from './task-query.js';
import { isAmong, type KindSet, type Visitor } from './visitor.js';

/** The visitor of a request; the signal is aborted when the visitor leaves. */
export interface Asker {
  readonly visitor: Visitor;
  readonly signal: AbortSignal;
}

/** `QueueAdmin` for the pages: shows and changes what the visitor may see and change. */
@Injectable()
export class TasksApi {
  private readonly failures = new PartialFailures();
  private readonly redactor: Redactor;

  constructor(
    private readonly lanes: DashboardLanes,
    @Inject(DASHBOARD_OPTIONS) private readonly options: ResolvedDashboardOptions,
  ) {
    this.redactor = new Redactor(options.redact);
  }

  session({ user, access, actsOn }: Visitor): Session {
    return {
      user,
      access,
      actsOn: actsOn && [...actsOn],
      redacted: this.redactor.isActive,
      shards: this.lanes.reading.admin.shardNames,
    };
  }

  async list(asker: Asker, query: URLSearchParams): Promise<TaskAnswer> {
    const { filter, page } = readTaskQuery(query);
    this.assertNoSecretIsSought(filter);
    const { result, ...rest } = await this.read(asker, (admin) =>
      admin.list(within(filter, asker.visitor.kinds), page),
    );
    return { ...this.redactor.page(result), ...rest };
  }

  /** @throws NotFoundException also for a task of a kind that the visitor may not see */
  async one(asker: Asker, id: string): Promise<TaskPageOfOne> {
    const { result } = await this.read(asker, async (admin) => {
      const task = await this.find(admin, id);
      if (!task || !isAmong(asker.visitor.kinds, task.kind)) {
        throw new NotFoundException(`There is no task ${id}`);
      }
      return { task: await this.redactor.task(task), explanation: await admin.explain(id) };
    });
    return result;
  }

  async workers(asker: Asker): Promise<WorkerAnswer> {
    const { result, ...rest } = await this.read(asker, (admin) => admin.workers());
    return { workers: result.map((worker) => shownTo(asker.visitor.kinds, worker)), ...rest };
  }

  /**
   * @param request should be an `ActionRequest`
   * @throws InvalidOptionError
   */
  async act(asker: Asker, action: string, request: unknown): Promise<ActionAnswer> {
    if (!isAction(action)) {
      throw new NotFoundException(`There is no action ${action}`);
    }
    const { filter: fields, ...others } = (request ?? {}) as { filter?: unknown };
    if ('by' in others) {
      throw new InvalidOptionError('by', others.by, 'must be left out: authorize names the user');
    }
    const filter = readFilter(fields);
    this.assertNoSecretIsSought(filter);
    assertNamesTasks(filter);
    const options = { ...others, ...actorOf(asker) };
    const { result, ...rest } = await this.change(asker, (admin) =>
      admin[action](within(filter, asker.visitor.actsOn), options),
    );
    return { ...result, ...rest };
  }

  async setPaused(asker: Asker, kind: string, paused: boolean): Promise<PauseResult> {
    const number = readInteger(kind, 'kind');
    if (!isAmong(asker.visitor.actsOn, number)) {
      throw new ForbiddenException('You may not change this kind');
    }
    const { result: changed, ...rest } = await this.change(asker, (admin) =>
      admin[paused ? 'pause' : 'resume'](number, actorOf(asker)),
    );
    return { changed, ...rest };
  }

  /** Falls back to the stored payload when it can't be decoded, because an operator has to see the task anyway. */
  private async find(admin: QueueAdmin, id: string): Promise<TaskDetail | null> {
    const maxPayloadBytes = MAX_PAYLOAD_BYTES;
    try {
      return await admin.task(id, { decoded: this.options.decodePayloads, maxPayloadBytes });
    } catch (error) {
      if (error instanceof TaskPayloadError) {
        return admin.task(id, { maxPayloadBytes });
      }
      throw error;
    }
  }

  private read<T>({ signal }: Asker, work: (admin: QueueAdmin) => Promise<T>) {
    return this.lanes.reading.run(signal, (admin) => this.failures.resultOf(work(admin)));
  }

  private change<T>({ signal }: Asker, work: (admin: QueueAdmin) => Promise<T>) {
    return this.lanes.acting.run(signal, (admin) => this.failures.resultOf(work(admin)));
  }

  /** A search would reveal what is redacted, by finding tasks or not. */
  private assertNoSecretIsSought({ text }: TaskFilter): void {
    const isAllowed = text === undefined || !this.redactor.isActive;
    check(isAllowed, 'text', text, 'must be left out where payloads are redacted: they are not searched');
  }
}

function isAction(action: string): action is DashboardAction {
  return (DASHBOARD_ACTIONS as readonly string[]).includes(action);
}

function actorOf({ visitor: { user } }: Asker): { by?: string } {
  return user === null ? {} : { by: user };
}

/** Checks the filter before the visitor's kinds are added to it: afterwards an empty filter would name kinds. */
function assertNamesTasks(filter: TaskFilter): void {
  const narrows = Object.keys(filter).some((name) => name !== 'shard');
  check(narrows, 'filter', filter, 'must name the tasks to change: an id, a kind, a status …');
}

/** The filter, narrowed to the kinds of a visitor. */
function within({ kind, ...filter }: TaskFilter, kinds: KindSet): TaskFilter {
  if (kinds === null) {
    return { ...filter, kind };
  }
  return {
    ...filter,
    kind: kind === undefined ? [...kinds] : [kind as number].filter((one) => kinds.has(one)),
  };
}

function shownTo(kinds: KindSet, worker: WorkerView): WorkerView {
  const isSeen = ({ kind }: { kind: number }) => isAmong(kinds, kind);
  return { ...worker, kinds: worker.kinds.filter(isSeen), running: worker.running.filter(isSeen) };
}
