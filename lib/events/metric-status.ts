/** The series of the task counter: what happened to tasks, not what they are. */
export const METRIC_STATUSES = [
  'new',
  'processing',
  'succeeded',
  'failed',
  'cancelled',
  'ignored',
  'no_attempts_left',
  'lost',
] as const;
/** A `status` label of the task counter. */
export type MetricStatus = (typeof METRIC_STATUSES)[number];
