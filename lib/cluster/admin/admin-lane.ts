import { LaneAdminDatabase } from '../../admin/lane-admin-database.js';
import type { ActionSource } from '../../events/action-record.js';
import { untilAborted, type LaneOptions } from '../../storage/lane-database.js';
import { ConcurrencyLimit, type ConcurrencyLimitOptions } from './concurrency-limit.js';
import { QueueAdmin } from './queue-admin.js';

/** Each of the `atOnce` calls takes a connection of each database. */
export interface AdminLaneOptions extends Omit<LaneOptions, 'connections'>, ConcurrencyLimitOptions {
  readonly via: ActionSource;
}

/**
 * `QueueAdmin` on a few connections of its own, for callers that may leave: few calls run at the same time, and a call whose signal is
 * aborted is cancelled. The connections of the application stay free, whatever runs here.
 */
export class AdminLane {
  readonly admin: QueueAdmin;
  private readonly databases: readonly LaneAdminDatabase[];
  private readonly limit: ConcurrencyLimit;

  constructor({ deps }: QueueAdmin, options: AdminLaneOptions) {
    const lane = { ...options, connections: options.atOnce };
    this.databases = deps.databases.map((database) => new LaneAdminDatabase(database, lane));
    this.admin = new QueueAdmin({
      ...deps,
      databases: this.databases,
      statementTimeoutMs: options.statementTimeoutMs,
      via: options.via,
    });
    this.limit = new ConcurrencyLimit(options);
  }

  /** @throws BusyError; the reason of the signal when it is aborted */
  run<T>(signal: AbortSignal, work: (admin: QueueAdmin) => Promise<T>): Promise<T> {
    return this.limit.run(signal, () => untilAborted(signal, () => work(this.admin)));
  }

  /** Calls `work` as the queue calls its own work: outside of the request and the trace of the caller. */
  background<T>(work: () => T): T {
    return this.admin.deps.background(work);
  }

  async close(): Promise<void> {
    await Promise.all(this.databases.map((database) => database.close()));
  }
}
