import { NotFoundException } from '@nestjs/common';
import type { QueueAdmin } from '../admin/queue-admin.js';
import type { ActionResult } from '../admin/task-actions.js';
import type { TaskFilter } from '../task/task-filter.js';
import type { TaskPage, WorkerView } from '../task/task-view.js';
import { InvalidOptionError } from '../task/task.errors.js';
import {
  DASHBOARD_ACTIONS,
  type DashboardAction,
  type PauseResult,
  type TaskPageOfOne,
} from './dashboard-api.js';
import type { Redactor } from './redactor.js';
import { readFilter, readInteger, readTaskQuery } from './task-query.js';

/** What the pages ask of tasks, kinds and workers, and do to them, as `QueueAdmin` has it. */
export class TasksApi {
  constructor(
    private readonly admin: QueueAdmin,
    private readonly redactor: Redactor,
  ) {}

  get isRedacted(): boolean {
    return this.redactor.isActive;
  }

  async list(query: URLSearchParams): Promise<TaskPage> {
    const { filter, page } = readTaskQuery(query);
    this.assertNoSecretIsSought(filter);
    return this.redactor.page(await this.admin.list(filter, page));
  }

  /** @throws NotFoundException */
  async one(id: string): Promise<TaskPageOfOne> {
    const task = await this.admin.task(id);
    if (!task) {
      throw new NotFoundException(`There is no task ${id}`);
    }
    return { task: this.redactor.task(task), explanation: await this.admin.explain(id) };
  }

  workers(): Promise<WorkerView[]> {
    return this.admin.workers();
  }

  /**
   * @param request an `ActionRequest`, or whatever was sent for one
   * @throws InvalidOptionError
   */
  async act(action: string, request: unknown): Promise<ActionResult> {
    if (!isAction(action)) {
      throw new NotFoundException(`There is no action ${action}`);
    }
    const { filter: fields, ...options } = (request ?? {}) as { filter?: unknown };
    const filter = readFilter(fields);
    this.assertNoSecretIsSought(filter);
    return this.admin[action](filter, options);
  }

  async setPaused(kind: string, paused: boolean): Promise<PauseResult> {
    const number = readInteger(kind, 'kind');
    return { changed: await (paused ? this.admin.pause(number) : this.admin.resume(number)) };
  }

  /** Whether a text is found tells what is hidden. */
  private assertNoSecretIsSought({ text }: TaskFilter): void {
    if (text !== undefined && this.redactor.isActive) {
      throw new InvalidOptionError('text', text, 'is not sought in payloads that are redacted');
    }
  }
}

function isAction(action: string): action is DashboardAction {
  return (DASHBOARD_ACTIONS as readonly string[]).includes(action);
}
