import type { CounterConfiguration, Gauge, GaugeConfiguration, HistogramConfiguration } from 'prom-client';
import { CLUSTER_GAUGES } from './cluster-gauges.js';
import { collectEventLoopLag } from './event-loop-gauge.js';
import { collectSlots } from './slots-gauge.js';

/** A counter of what happened to tasks, labelled `kind` (its name) and `status` (a `MetricStatus`). */
export const TASKS_TOTAL = 'pgqueue_tasks_total';
/** A histogram of how long attempts took, in seconds, labelled `kind`. */
export const ATTEMPT_DURATION = 'pgqueue_attempt_duration_seconds';
/** A histogram of how long tasks had been due when they were claimed, in seconds by the database's clock, labelled `kind`. */
export const QUEUE_WAIT = 'pgqueue_queue_wait_seconds';
/** A gauge of this process's slots, labelled `kind` and `state` (`busy` or `free`). */
export const SLOTS = 'pgqueue_slots';
/** A gauge of abandoned handlers, which still run after the timeout of their attempt, labelled `kind`. */
export const ABANDONED_HANDLERS = 'pgqueue_abandoned_handlers';
/** A gauge of the longest delay of this process's event loop since the last scrape, in seconds. */
export const EVENT_LOOP_LAG = 'pgqueue_event_loop_lag_seconds';
/** A counter of statements that the database refused for one task alone, labelled `kind`. */
export const TASK_REFUSALS_TOTAL = 'pgqueue_task_refusals_total';
/** A gauge of the tasks for which alone the database refuses statements of this process, labelled `kind`. */
export const REFUSED_TASKS = 'pgqueue_refused_tasks';
/** A histogram of how long the database took to answer claims, in seconds, labelled `shard`. */
export const FETCH_DURATION = 'pgqueue_fetch_duration_seconds';
/** A histogram of how long the database took to write batches of outcomes, in seconds, labelled `shard`. */
export const SETTLE_DURATION = 'pgqueue_settle_duration_seconds';
/** A counter of how often this process was declared dead, labelled `shard`. */
export const LEASES_LOST_TOTAL = 'pgqueue_leases_lost_total';
/** A counter of notifications that something was pushed, labelled `shard`. */
export const WAKE_UPS_TOTAL = 'pgqueue_wake_ups_total';
/** A counter of failures of the queue's own statements and connections, labelled `shard` and `role` (a `ConnectionRole`). */
export const CONNECTION_FAILURES_TOTAL = 'pgqueue_connection_failures_total';
/** A counter of first successes after failures, labelled `shard` and `role`. */
export const RECONNECTS_TOTAL = 'pgqueue_reconnects_total';

/** From a millisecond to five minutes. */
const ATTEMPT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];
/** From a millisecond to an hour. */
const WAIT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 3600];
/** From half a millisecond to ten seconds, the default limit of a statement. */
const STATEMENT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const define = (name: string, help: string, ...labelNames: string[]) => ({ name, help, labelNames });

export const COUNTERS: readonly CounterConfiguration<string>[] = [
  define(TASKS_TOTAL, 'What happened to tasks, by kind and status', 'kind', 'status'),
  define(TASK_REFUSALS_TOTAL, 'Statements that the database refused for one task alone, by kind', 'kind'),
  define(LEASES_LOST_TOTAL, 'How often this worker process was declared dead', 'shard'),
  define(WAKE_UPS_TOTAL, 'Notifications that something was pushed', 'shard'),
  define(
    CONNECTION_FAILURES_TOTAL,
    "Failures of the queue's own statements and connections, by role",
    'shard',
    'role',
  ),
  define(
    RECONNECTS_TOTAL,
    "First successes after failures of the queue's own connections, by role",
    'shard',
    'role',
  ),
];

export const HISTOGRAMS: readonly HistogramConfiguration<string>[] = [
  { ...define(ATTEMPT_DURATION, 'How long attempts took, by kind', 'kind'), buckets: ATTEMPT_BUCKETS },
  {
    ...define(QUEUE_WAIT, 'How long tasks had been due when they were claimed, by kind', 'kind'),
    buckets: WAIT_BUCKETS,
  },
  { ...define(FETCH_DURATION, 'How long claims took', 'shard'), buckets: STATEMENT_BUCKETS },
  {
    ...define(SETTLE_DURATION, 'How long writing a batch of outcomes took', 'shard'),
    buckets: STATEMENT_BUCKETS,
  },
];

export const GAUGES: readonly GaugeConfiguration<string>[] = [
  {
    ...define(SLOTS, 'Slots of this process, by kind and state', 'kind', 'state'),
    collect(this: Gauge) {
      collectSlots(this);
    },
  },
  define(ABANDONED_HANDLERS, 'Bodies of handlers that go on though their attempt is over, by kind', 'kind'),
  {
    ...define(EVENT_LOOP_LAG, 'The longest delay of the event loop since the last scrape'),
    collect(this: Gauge) {
      collectEventLoopLag(this);
    },
  },
  define(
    REFUSED_TASKS,
    'Tasks that this process keeps apart since the database refuses something for them, by kind',
    'kind',
  ),
  ...CLUSTER_GAUGES,
];
