import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import { ClusterSnapshots } from '../cluster/admin/cluster-snapshots.js';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { Instruments } from '../events/instrumentation.js';
import { QueueEvents, DatabaseEvents } from '../events/queue-events.js';
import { showView } from './cluster-gauges.js';
import { ClusterView } from './cluster-view.js';
import { ViewRefresher } from './view-refresher.js';

/** Injects all gauges of the whole queue. */
export const CLUSTER_GAUGE_LIST = Symbol('CLUSTER_GAUGE_LIST');
/** Injects how often a snapshot is taken, in ms. */
export const SNAPSHOT_PERIOD = Symbol('SNAPSHOT_PERIOD');

/** Keeps the gauges of the whole queue up to date in the background, so that a scrape never waits for a database. */
@Injectable()
export class PgQueueClusterMetrics implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly refreshers: readonly ViewRefresher[];
  private readonly hide: readonly (() => void)[];

  constructor(
    @Inject(CLUSTER_GAUGE_LIST) gauges: readonly Gauge[],
    @Inject(SNAPSHOT_PERIOD) periodMs: number,
    private readonly snapshots: ClusterSnapshots,
    events: QueueEvents,
    registry: TaskHandlerRegistry,
    private readonly instruments: Instruments,
  ) {
    this.refreshers = snapshots.all.map((snapshot) => {
      const view = new ClusterView(snapshot.name);
      return new ViewRefresher(view, snapshot, periodMs, new DatabaseEvents(events, snapshot.name));
    });
    this.hide = this.refreshers.flatMap(({ view }) => gauges.map((gauge) => showView(gauge, view)));
    registry.observe(({ options }) => this.refreshers.forEach(({ view }) => view.start(options.name)));
  }

  onApplicationBootstrap(): void {
    this.instruments.background(() => this.refreshers.forEach((refresher) => refresher.start()));
  }

  async onModuleDestroy(): Promise<void> {
    this.refreshers.forEach((refresher) => refresher.stop());
    this.hide.forEach((end) => end());
    await this.snapshots.close();
  }
}
