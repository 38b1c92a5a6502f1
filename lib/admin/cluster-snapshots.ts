import type { ShardSnapshots } from './shard-snapshots.js';

/** The figures of the whole cluster, shard by shard. */
export class ClusterSnapshots {
  constructor(readonly shards: readonly ShardSnapshots[]) {}

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.close()));
  }
}
