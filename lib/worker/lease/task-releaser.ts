import { isolateRows } from '../../storage/isolate-rows.js';
import type { SettleRepository } from '../../storage/settle.repository.js';
import type { HeldTask } from '../../task/claim.js';
import type { KindNames } from '../refused-tasks.js';
import type { WorkerBase } from '../worker-base.js';

/** Releases tasks that this process's leases hold and nobody runs. */
export class TaskReleaser {
  constructor(
    private readonly base: Pick<WorkerBase, 'events' | 'refused' | 'rewinder' | 'claims'>,
    private readonly pools: KindNames,
    private readonly repository: SettleRepository,
  ) {}

  /** Those that the database refuses to release are kept apart. @returns how many were released */
  async release(held: readonly HeldTask[]): Promise<number> {
    const { refused } = this.base;
    const tasks = held.filter(({ id }) => !refused.has(id, 'release'));
    if (tasks.length === 0) {
      return 0;
    }
    try {
      return await this.unclaim(tasks);
    } catch {
      // What fails for all of them fails again.
      const isolated = await isolateRows(tasks, (part) => this.unclaim(part));
      for (const { item, error } of isolated.refused) {
        refused.refuse(item, 'release', error, async () => void (await this.unclaim([item])));
      }
      return isolated.results.reduce((sum, count) => sum + count, 0);
    }
  }

  private async unclaim(tasks: readonly HeldTask[]): Promise<number> {
    const { events, rewinder, claims } = this.base;
    const { settled } = await this.repository.unclaim(tasks);
    if (tasks.length > 0) {
      rewinder.request();
      claims.tasksArrived();
    }
    const released = tasks.filter(({ id }) => settled === null || settled.has(id));
    for (const kind of new Set(released.map((task) => task.kind))) {
      const count = released.filter((task) => task.kind === kind).length;
      events.emit({ type: 'tasks-released', kind, name: this.pools.nameOf(kind), count });
    }
    return released.length;
  }
}
