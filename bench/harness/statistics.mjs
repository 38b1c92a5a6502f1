/** @import { Figures, Percentiles } from '../types.js' */

/** @param {readonly number[]} values */
export function summarize(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    min: /** @type {number} */ (sorted[0]),
    median: medianOfSorted(sorted),
    max: /** @type {number} */ (sorted.at(-1)),
  };
}

/** @param {readonly number[]} sorted */
function medianOfSorted(sorted) {
  const middle = (sorted.length - 1) / 2;
  const low = /** @type {number} */ (sorted[Math.floor(middle)]);
  const high = /** @type {number} */ (sorted[Math.ceil(middle)]);
  return (low + high) / 2;
}

/**
 * @param {readonly Figures[]} runs
 * @returns {Record<string, { min: number, median: number, max: number }>} by figure, of the runs that have it
 */
export function summarizeFigures(runs) {
  const keys = new Set(runs.flatMap((run) => Object.keys(run)));
  /** @type {ReturnType<typeof summarizeFigures>} */
  const summary = {};
  for (const key of keys) {
    const values = runs.map((run) => run[key]).filter((value) => typeof value === 'number');
    if (values.length > 0) summary[key] = summarize(values);
  }
  return summary;
}

/**
 * @param {ArrayLike<number>} values
 * @returns {Percentiles}
 */
export function percentiles(values) {
  const sorted = Float64Array.from(values).toSorted();
  const at = (/** @type {number} */ share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
