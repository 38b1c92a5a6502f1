import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import { ClusterSnapshots } from '../admin/cluster-snapshots.js';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { DEFAULT_SHARD } from '../task/shard.js';
import { QueueEvents } from '../task/queue-events.js';
import { showView } from './cluster-gauges.js';
import { ClusterView } from './cluster-view.js';

/** Injects all gauges of the cluster. */
export const CLUSTER_GAUGE_LIST = Symbol('CLUSTER_GAUGE_LIST');
/** Injects how often a snapshot is taken, in ms. */
export const SNAPSHOT_PERIOD = Symbol('SNAPSHOT_PERIOD');

/** When a snapshot is overdue or missing, it is looked for again after this share of the period. */
const OVERDUE_SHARE = 0.1;

/** Keeps the gauges of the cluster up to date in the background: a scrape answers from memory, whatever the database does. */
@Injectable()
export class PgQueueClusterMetrics implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly view = new ClusterView();
  private readonly hide: readonly (() => void)[];
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    @Inject(CLUSTER_GAUGE_LIST) gauges: readonly Gauge[],
    @Inject(SNAPSHOT_PERIOD) private readonly periodMs: number,
    private readonly snapshots: ClusterSnapshots,
    private readonly events: QueueEvents,
    registry: TaskHandlerRegistry,
  ) {
    this.hide = gauges.map((gauge) => showView(gauge, this.view));
    registry.observe(({ options }) => this.view.start(options.name));
  }

  onApplicationBootstrap(): void {
    void this.refresh();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.hide.forEach((end) => end());
    await this.snapshots.close();
  }

  /** Never rejects. While the database can't be asked, the values stay and their age grows. */
  private async refresh(): Promise<void> {
    let dueMs = this.periodMs;
    try {
      const found = await this.snapshots.read(this.periodMs);
      if (found) {
        this.view.show(found.snapshot, found.ageMs);
      }
      dueMs = Math.max(this.periodMs * OVERDUE_SHARE, found ? this.periodMs - found.ageMs : 0);
    } catch (error) {
      if (!this.stopped) {
        this.events.emit({ type: 'connection-failed', role: 'maintenance', error, shard: DEFAULT_SHARD });
      }
    }
    if (!this.stopped) {
      // Not all processes at once: the first to come takes the next snapshot.
      this.timer = setTimeout(() => void this.refresh(), dueMs * (1 + OVERDUE_SHARE * Math.random())).unref();
    }
  }
}
