import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Gauge } from 'prom-client';

const RESOLUTION_MS = 20;

let delays: IntervalHistogram | undefined;

/** Sets the gauge, when it is scraped, to the longest delay since the last scrape. Measuring begins with the first scrape. */
export function collectEventLoopLag(gauge: Gauge): void {
  if (!delays) {
    delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delays.enable();
  }
  // Each measurement includes the resolution; without measurements the maximum is 0.
  gauge.set(Math.max(0, delays.max / 1e9 - RESOLUTION_MS / 1000));
  delays.reset();
}
