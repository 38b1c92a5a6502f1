import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Gauge } from 'prom-client';

const RESOLUTION_MS = 20;

let delays: IntervalHistogram | undefined;

/** What the gauge does when it is scraped: the longest delay since the last time, from the first scrape on. */
export function collectEventLoopLag(gauge: Gauge): void {
  if (!delays) {
    delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delays.enable();
  }
  // Each measurement holds the time that was to be waited, and the maximum of none is 0.
  gauge.set(Math.max(0, delays.max / 1e9 - RESOLUTION_MS / 1000));
  delays.reset();
}
