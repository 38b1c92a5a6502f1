/** What the attempts of one kind came to, lately, in all worker processes. */
export interface KindActivity {
  readonly kind: number;
  /** The kind's name as its workers have it, or `pgqueue-<kind>`. */
  readonly name: string;
  /** One for each minute, the oldest first, without gaps; the last one still goes on. */
  readonly points: readonly ActivityPoint[];
  /** How long tasks had been due when they were claimed; null when none was. */
  readonly wait: Percentiles | null;
  /** How long attempts took; null when none ended. */
  readonly run: Percentiles | null;
}

/** What happened in one minute. */
export interface ActivityPoint {
  readonly at: Date;
  readonly succeeded: number;
  /** Attempts that failed, timed out or were lost. */
  readonly failed: number;
  /** Tasks whose last attempt failed: they are among `failed` too. */
  readonly exhausted: number;
}

/** Estimated from a histogram, in milliseconds: the true values are up to a fifth lower. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}
