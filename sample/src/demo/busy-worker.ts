import { setTimeout as pause } from 'node:timers/promises';
import type { ShopProcess } from '../processes.js';
import type { DemoDatabase } from './database.js';

const POLL_MS = 10;
const BUSY = 3;
/** In a quiet demo a worker with a single task must do. */
const PATIENCE_MS = 5000;

/** Waits until one of the workers is in the middle of several payments. */
export async function busyWorker(
  workers: readonly ShopProcess[],
  databases: readonly DemoDatabase[],
): Promise<ShopProcess> {
  for (const startedAt = performance.now(); ; await pause(POLL_MS)) {
    const running = await Promise.all(databases.map((database) => database.runningCharges(workers)));
    const [busiest] = workers
      .map((worker) => ({
        worker,
        tasks: running.reduce((sum, tasks) => sum + (tasks.get(worker.pid) ?? 0), 0),
      }))
      .toSorted((a, b) => b.tasks - a.tasks);
    const waitedMs = performance.now() - startedAt;
    const enough = waitedMs > 2 * PATIENCE_MS ? 0 : waitedMs > PATIENCE_MS ? 1 : BUSY;
    if (busiest!.tasks >= enough) {
      return busiest!.worker;
    }
  }
}
