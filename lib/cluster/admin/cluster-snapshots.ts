import type { ShardSnapshots } from '../../admin/figures-snapshot.js';

/** The figures of the whole cluster, shard by shard. */
export class ClusterSnapshots {
  constructor(readonly shards: readonly ShardSnapshots[]) {}

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.close()));
  }
}
