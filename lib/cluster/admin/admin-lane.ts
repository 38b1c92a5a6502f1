import { untilAborted, type LaneOptions } from '../../storage/lane-database.js';
import { LaneAdminDatabase } from '../../admin/lane-admin-database.js';
import type { ActionSource } from '../../events/action-record.js';
import { QueueAdmin } from './queue-admin.js';
import { ConcurrencyLimit } from '../../admin/concurrency-limit.js';

/** How visitors ask the queue. */
export interface AdminLaneOptions extends Omit<LaneOptions, 'connections'> {
  /** So many questions at once; each takes a connection of each shard. */
  readonly atOnce: number;
  /** So many more wait, for so long at most. */
  readonly waiting: number;
  readonly patienceMs: number;
  readonly via: ActionSource;
}

/**
 * The queue as visitors ask it: on few connections of its own, few at once, and only while the one who asked is there. Whatever is
 * asked here, the application's own connections stay free.
 */
export class AdminLane {
  readonly admin: QueueAdmin;
  private readonly shards: readonly LaneAdminDatabase[];
  private readonly turnstile: ConcurrencyLimit;

  constructor({ deps }: QueueAdmin, options: AdminLaneOptions) {
    const lane = { ...options, connections: options.atOnce };
    this.shards = deps.shards.map((shard) => new LaneAdminDatabase(shard, lane));
    this.admin = new QueueAdmin({
      ...deps,
      shards: this.shards,
      statementTimeoutMs: options.statementTimeoutMs,
      via: options.via,
    });
    this.turnstile = new ConcurrencyLimit(options);
  }

  /** @throws BusyError when too many ask; what the signal is aborted with, when nobody waits for the answer any more */
  ask<T>(signal: AbortSignal, work: (admin: QueueAdmin) => Promise<T>): Promise<T> {
    return this.turnstile.run(signal, () => untilAborted(signal, () => work(this.admin)));
  }

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.close()));
  }
}
