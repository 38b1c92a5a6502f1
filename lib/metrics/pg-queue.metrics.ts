import { Injectable } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter, Histogram } from 'prom-client';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { type QueueEvent, QueueEvents } from '../task/queue-events.js';
import { METRIC_STATUSES, type MetricStatus } from '../task/task-status.js';

/** A counter of what happened to tasks, labelled `kind` (its name) and `status` (a `MetricStatus`). */
export const TASKS_TOTAL = 'pgqueue_tasks_total';
/** A histogram of how long attempts took, in seconds, labelled `kind`. */
export const ATTEMPT_DURATION = 'pgqueue_attempt_duration_seconds';

/** The kinds that a histogram has: starting one again would set it back to 0 for another application of this process. */
const started = new WeakMap<Histogram, Set<string>>();

/** Turns the queue's events into Prometheus series; each exists at 0 from the moment its kind is registered. */
@Injectable()
export class PgQueueMetrics {
  constructor(
    @InjectMetric(TASKS_TOTAL) private readonly tasks: Counter,
    @InjectMetric(ATTEMPT_DURATION) private readonly durations: Histogram,
    events: QueueEvents,
    registry: TaskHandlerRegistry,
  ) {
    registry.observe(({ options }) => this.startSeries(options.name));
    events.subscribe((event) => this.onEvent(event));
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'tasks-pushed':
        return this.count(event.name, 'new', event.count);
      case 'tasks-claimed':
        return this.count(event.name, 'processing', event.count);
      case 'task-cancelled':
        return this.count(event.name, 'cancelled', 1);
      case 'tasks-rescued':
        this.count(event.name, 'lost', event.count);
        return this.count(event.name, 'no_attempts_left', event.exhausted);
      case 'attempt-settled':
        return this.onSettled(event);
      default:
    }
  }

  private onSettled({
    name,
    as,
    exhausted,
    durationMs,
  }: Extract<QueueEvent, { type: 'attempt-settled' }>): void {
    this.durations.observe({ kind: name }, durationMs / 1000);
    if (as !== 'snoozed' && as !== 'released') {
      this.count(name, as, 1);
    }
    if (exhausted) {
      this.count(name, 'no_attempts_left', 1);
    }
  }

  private count(kind: string, status: MetricStatus, count: number): void {
    this.tasks.inc({ kind, status }, count);
  }

  private startSeries(kind: string): void {
    for (const status of METRIC_STATUSES) {
      this.count(kind, status, 0);
    }
    const kinds = started.get(this.durations) ?? new Set();
    started.set(this.durations, kinds);
    if (!kinds.has(kind)) {
      kinds.add(kind);
      this.durations.zero({ kind });
    }
  }
}
