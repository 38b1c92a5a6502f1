import type { Histogram } from 'prom-client';

/** The series that each histogram has. Starting one again would reset the values of another application of this process. */
const started = new WeakMap<Histogram, Set<string>>();

/** Starts a series at 0, before a value is observed. */
export function startHistogram(histogram: Histogram, labels: Readonly<Record<string, string>>): void {
  const series = started.get(histogram) ?? new Set();
  started.set(histogram, series);
  const key = JSON.stringify(labels);
  if (!series.has(key)) {
    series.add(key);
    histogram.zero(labels);
  }
}
