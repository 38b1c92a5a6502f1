import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AdminLane } from '../cluster/admin/admin-lane.js';
import { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { PG_QUEUE_OPTIONS, type ResolvedOptions } from '../cluster/queue.options.js';

/** A list reads few rows: a statement that takes longer than this is cancelled. */
const READ_TIMEOUT_MS = 3000;
const PATIENCE_MS = 10_000;

/** A lane for reads, one for actions and one for the overview, so that none of them delays another. */
@Injectable()
export class DashboardLanes implements OnApplicationShutdown {
  readonly reading: AdminLane;
  readonly acting: AdminLane;
  readonly overview: AdminLane;

  constructor(
    admin: QueueAdmin,
    @Inject(PG_QUEUE_OPTIONS) { statementTimeoutMs, transactionPooling }: ResolvedOptions,
  ) {
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
