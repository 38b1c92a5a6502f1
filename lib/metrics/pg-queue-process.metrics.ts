import { Injectable } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter, Histogram } from 'prom-client';
import { CONNECTION_ROLES, type QueueEvent, QueueEvents } from '../task/queue-events.js';
import {
  CONNECTION_FAILURES_TOTAL,
  FETCH_DURATION,
  LEASES_LOST_TOTAL,
  RECONNECTS_TOTAL,
  SETTLE_DURATION,
  WAKE_UPS_TOTAL,
} from './definitions.js';

/** Turns what happens to the process as a whole into Prometheus series. */
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
  ) {
    for (const role of CONNECTION_ROLES) {
      failures.inc({ role }, 0);
      // Maintenance is never told to work again: its jobs have their next turn.
      if (role !== 'maintenance') {
        reconnects.inc({ role }, 0);
      }
    }
    events.subscribe((event) => this.onEvent(event));
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'claimed':
        return this.fetches.observe(event.durationMs / 1000);
      case 'flushed':
        return this.settles.observe(event.durationMs / 1000);
      case 'lease-lost':
        return this.leasesLost.inc();
      case 'woken':
        return this.wakeUps.inc();
      case 'connection-failed':
        return this.failures.inc({ role: event.role });
      case 'connection-restored':
        return this.reconnects.inc({ role: event.role });
      default:
    }
  }
}
