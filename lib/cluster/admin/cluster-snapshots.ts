import { FiguresSnapshot, type FiguresSnapshotDeps } from '../../admin/figures-snapshot.js';
import type { AdminDatabase } from '../../admin/admin-database.js';

export type { FiguresSnapshot };

/** The figures of the whole cluster, shard by shard. */
export class ClusterSnapshots {
  readonly shards: readonly FiguresSnapshot[];

  constructor(shards: readonly AdminDatabase[], options: Omit<FiguresSnapshotDeps, 'source'>) {
    this.shards = shards.map((source) => new FiguresSnapshot({ ...options, source }));
  }

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.close()));
  }
}
