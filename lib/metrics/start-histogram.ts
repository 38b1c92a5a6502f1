import type { Histogram } from 'prom-client';

/** The series that a histogram has: starting one again would set it back to 0 for another application of this process. */
const started = new WeakMap<Histogram, Set<string>>();

/** A series that exists at 0 before anything is observed. */
export function startHistogram(histogram: Histogram, labels: Readonly<Record<string, string>>): void {
  const series = started.get(histogram) ?? new Set();
  started.set(histogram, series);
  const key = JSON.stringify(labels);
  if (!series.has(key)) {
    series.add(key);
    histogram.zero(labels);
  }
}
