import { NotFoundException } from '@nestjs/common';
import type { QueueAdmin } from '../admin/queue-admin.js';
import type { TaskFilter } from '../task/task-filter.js';
import type { TaskDetail } from '../task/task-view.js';
import { InvalidOptionError, TaskPayloadError } from '../task/task.errors.js';
import {
  type ActionAnswer,
  DASHBOARD_ACTIONS,
  type DashboardAction,
  type PauseResult,
  type TaskAnswer,
  type TaskPageOfOne,
  type WorkerAnswer,
} from './dashboard-api.js';
import { MissingLog } from './missing-log.js';
import { partly } from './partly.js';
import type { Redactor } from './redactor.js';
import { readFilter, readInteger, readTaskQuery } from './task-query.js';

/** What the pages ask of tasks, kinds and workers, and do to them, as `QueueAdmin` has it. */
export class TasksApi {
  private readonly log = new MissingLog();

  constructor(
    private readonly admin: QueueAdmin,
    private readonly redactor: Redactor,
    private readonly decoded = false,
  ) {}

  get isRedacted(): boolean {
    return this.redactor.isActive;
  }

  get shardNames(): readonly string[] {
    return this.admin.shardNames;
  }

  async list(query: URLSearchParams): Promise<TaskAnswer> {
    const { filter, page } = readTaskQuery(query);
    this.assertNoSecretIsSought(filter);
    const { result, ...ofShards } = await partly(this.admin.list(filter, page), this.log);
    return { ...this.redactor.page(result), ...ofShards };
  }

  /** @throws NotFoundException */
  async one(id: string): Promise<TaskPageOfOne> {
    const task = await this.find(id);
    if (!task) {
      throw new NotFoundException(`There is no task ${id}`);
    }
    return { task: await this.redactor.task(task), explanation: await this.admin.explain(id) };
  }

  async workers(): Promise<WorkerAnswer> {
    const { result: workers, ...ofShards } = await partly(this.admin.workers(), this.log);
    return { workers, ...ofShards };
  }

  /**
   * @param request an `ActionRequest`, or whatever was sent for one
   * @throws InvalidOptionError
   */
  async act(action: string, request: unknown): Promise<ActionAnswer> {
    if (!isAction(action)) {
      throw new NotFoundException(`There is no action ${action}`);
    }
    const { filter: fields, ...options } = (request ?? {}) as { filter?: unknown };
    const filter = readFilter(fields);
    this.assertNoSecretIsSought(filter);
    const { result, ...ofShards } = await partly(this.admin[action](filter, options), this.log);
    return { ...result, ...ofShards };
  }

  async setPaused(kind: string, paused: boolean): Promise<PauseResult> {
    const number = readInteger(kind, 'kind');
    const asked = paused ? this.admin.pause(number) : this.admin.resume(number);
    const { result: changed, ...ofShards } = await partly(asked, this.log);
    return { changed, ...ofShards };
  }

  /** As it is stored where it can't be decoded: an operator has to see it all the same. */
  private async find(id: string): Promise<TaskDetail | null> {
    try {
      return await this.admin.task(id, { decoded: this.decoded });
    } catch (error) {
      if (error instanceof TaskPayloadError) {
        return this.admin.task(id);
      }
      throw error;
    }
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
