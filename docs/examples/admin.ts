import { Injectable } from '@nestjs/common';
import {
  type KindRef,
  QueueAdmin,
  PartialFailureError,
  type TaskFilter,
  type TaskPage,
  type TaskSummary,
} from 'nestjs-pgqueue';

@Injectable()
export class OnCall {
  constructor(private readonly admin: QueueAdmin) {}

  // #region look
  async report(): Promise<string[]> {
    const lines: string[] = [];
    for (const { name, statuses, oldestDueAt } of await this.admin.counts()) {
      const { count, approximate } = statuses.no_attempts_left;
      lines.push(
        `${name}: ${approximate ? 'about ' : ''}${count} exhausted, oldest due ${oldestDueAt?.toISOString()}`,
      );
    }
    for (const { name, processes, slots, pausedAt } of await this.admin.kinds()) {
      lines.push(
        `${name}: ${slots.busy}/${slots.capacity} slots in ${processes} processes${pausedAt ? ', paused' : ''}`,
      );
    }
    for (const { worker, silentMs, running } of await this.admin.workers()) {
      lines.push(`${worker}: silent for ${silentMs} ms, runs ${running.map(({ id }) => id).join(', ')}`);
    }
    return lines;
  }
  // #endregion

  // #region activity
  async lately(): Promise<string[]> {
    return (await this.admin.activity({ minutes: 10 })).map(({ name, points, wait, run }) => {
      const failed = points.reduce((sum, point) => sum + point.failed, 0);
      return `${name}: ${failed} failed; p95 waited ${wait?.p95} ms, ran ${run?.p95} ms`;
    });
  }
  // #endregion

  // #region list
  async all(filter: TaskFilter): Promise<TaskSummary[]> {
    const tasks: TaskSummary[] = [];
    let after: string | undefined;
    do {
      const page = await this.admin.list(filter, { limit: 100, after });
      tasks.push(...page.tasks);
      after = page.next ?? undefined; // a short page may have a next one
    } while (after);
    return tasks;
  }
  // #endregion

  // #region explain
  async why(id: string): Promise<string> {
    const explanation = await this.admin.explain(id);
    switch (explanation.reason) {
      case 'not-due':
        return `wait until ${explanation.dueAt.toISOString()}, or run it now`;
      case 'no-worker':
        return 'start a process that handles it';
      case 'slots-busy':
        return `raise workerCount: ${explanation.slots} slots have been busy since ${explanation.since.toISOString()}`;
      default:
        return explanation.text; // each reason has a sentence
    }
  }
  // #endregion

  // #region act
  async mend(kind: KindRef): Promise<string> {
    await this.admin.pause(kind); // in every process, until it is resumed
    await this.admin.cancel({ kind, text: '"region":"eu"' });
    await this.admin.delete({ kind, status: 'cancelled', createdTo: new Date('2026-01-01') });
    await this.admin.runNow({ kind, status: 'must_retry' }); // without the rest of their backoff
    const { changed, more } = await this.admin.retry(
      { kind, createdFrom: new Date('2026-01-01') },
      { limit: 5000, attempts: 3 },
    );
    await this.admin.resume(kind);
    return `${changed} are tried again${more ? ', there may be more' : ''}`;
  }
  // #endregion

  // #region shards
  async exhausted(): Promise<string[]> {
    const lines = (await this.admin.shards())
      .filter(({ reachable }) => !reachable)
      .map(({ name, error }) => `${name} is down: ${error}`);
    const page = await this.admin.list({ status: 'no_attempts_left' }).catch((error: unknown) => {
      if (error instanceof PartialFailureError) {
        return (error as PartialFailureError<TaskPage>).result; // those of the other shards
      }
      throw error;
    });
    return [...lines, ...page.tasks.map(({ id, lastError }) => `${id}: ${lastError}`)];
  }
  // #endregion
}
