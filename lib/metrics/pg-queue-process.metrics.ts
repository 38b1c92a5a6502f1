import { Injectable } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter, Histogram } from 'prom-client';
import { QueueDatabases } from '../cluster/queue-databases.js';
import { CONNECTION_ROLES, type QueueEvent, QueueEvents } from '../events/queue-events.js';
import {
  CONNECTION_FAILURES_TOTAL,
  FETCH_DURATION,
  LEASES_LOST_TOTAL,
  RECONNECTS_TOTAL,
  SETTLE_DURATION,
  WAKE_UPS_TOTAL,
} from './definitions.js';
import { startHistogram } from './start-histogram.js';

/** Turns the events of the connections and statements of this process into Prometheus series. */
@Injectable()
export class PgQueueProcessMetrics {
  constructor(
    @InjectMetric(FETCH_DURATION) private readonly fetches: Histogram,
    @InjectMetric(SETTLE_DURATION) private readonly settles: Histogram,
    @InjectMetric(LEASES_LOST_TOTAL) private readonly leasesLost: Counter,
    @InjectMetric(WAKE_UPS_TOTAL) private readonly wakeUps: Counter,
    @InjectMetric(CONNECTION_FAILURES_TOTAL) private readonly failures: Counter,
    @InjectMetric(RECONNECTS_TOTAL) private readonly reconnects: Counter,
    events: QueueEvents,
    shards: QueueDatabases,
  ) {
    shards.all.forEach(({ name }) => this.startSeries(name));
    events.subscribe((event) => this.onEvent(event));
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'claimed':
        return this.fetches.observe({ shard: event.shard }, event.durationMs / 1000);
      case 'flushed':
        return this.settles.observe({ shard: event.shard }, event.durationMs / 1000);
      case 'lease-lost':
        return this.leasesLost.inc({ shard: event.shard });
      case 'woken':
        return this.wakeUps.inc({ shard: event.shard });
      case 'connection-failed':
        return this.failures.inc({ shard: event.shard, role: event.role });
      case 'connection-restored':
        return this.reconnects.inc({ shard: event.shard, role: event.role });
      default:
    }
  }

  private startSeries(shard: string): void {
    startHistogram(this.fetches, { shard });
    startHistogram(this.settles, { shard });
    this.leasesLost.inc({ shard }, 0);
    this.wakeUps.inc({ shard }, 0);
    for (const role of CONNECTION_ROLES) {
      this.failures.inc({ shard, role }, 0);
      // `connection-restored` is never emitted for `maintenance`: its jobs run again after their period.
      if (role !== 'maintenance') {
        this.reconnects.inc({ shard, role }, 0);
      }
    }
  }
}
