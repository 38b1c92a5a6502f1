import type { OnApplicationShutdown } from '@nestjs/common';
import { AdminLane } from '../cluster/admin/admin-lane.js';
import type { QueueAdmin } from '../cluster/admin/queue-admin.js';

/** What the lanes take from the queue's own options. */
export interface LaneSettings {
  readonly statementTimeoutMs: number;
  readonly transactionPooling: boolean;
}

/** A list looks at few rows: what takes longer is on its way to do harm. */
const READ_TIMEOUT_MS = 3000;
const PATIENCE_MS = 10_000;

/** Apart from each other too: who looks keeps nobody from acting, nor the overview from being shown. */
export class DashboardLanes implements OnApplicationShutdown {
  readonly reading: AdminLane;
  readonly acting: AdminLane;
  readonly overview: AdminLane;

  constructor(admin: QueueAdmin, { statementTimeoutMs, transactionPooling }: LaneSettings) {
    const lane = (atOnce: number, longestMs: number) =>
      new AdminLane(admin, {
        atOnce,
        waiting: 20,
        patienceMs: PATIENCE_MS,
        statementTimeoutMs: Math.min(statementTimeoutMs, longestMs),
        transactionPooling,
        via: 'dashboard',
      });
    this.reading = lane(2, READ_TIMEOUT_MS);
    this.acting = lane(1, statementTimeoutMs);
    this.overview = lane(1, statementTimeoutMs);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.reading, this.acting, this.overview].map((lane) => lane.close()));
  }
}
