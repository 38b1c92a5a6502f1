import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { QueueService } from '../nest/queue.service.js';
import { type QueueEvent, QueueEvents } from '../events/queue-events.js';
import { METRIC_STATUSES, type MetricStatus } from '../events/metric-status.js';
import {
  ABANDONED_HANDLERS,
  ATTEMPT_DURATION,
  QUEUE_WAIT,
  REFUSED_TASKS,
  SLOTS,
  TASK_REFUSALS_TOTAL,
  TASKS_TOTAL,
} from './definitions.js';
import { showKind, showSlots } from './slots-gauge.js';
import { startHistogram } from './start-histogram.js';

type EventOf<Type extends QueueEvent['type']> = Extract<QueueEvent, { type: Type }>;

/** Turns the events of tasks into Prometheus series. Each series exists at 0 from the registration of its kind on. */
@Injectable()
export class PgQueueMetrics implements OnModuleDestroy {
  private readonly hideSlots: () => void;

  constructor(
    @InjectMetric(TASKS_TOTAL) private readonly tasks: Counter,
    @InjectMetric(ATTEMPT_DURATION) private readonly durations: Histogram,
    @InjectMetric(QUEUE_WAIT) private readonly waits: Histogram,
    @InjectMetric(ABANDONED_HANDLERS) private readonly abandoned: Gauge,
    @InjectMetric(TASK_REFUSALS_TOTAL) private readonly refusals: Counter,
    @InjectMetric(REFUSED_TASKS) private readonly refused: Gauge,
    @InjectMetric(SLOTS) private readonly slots: Gauge,
    queue: QueueService,
    events: QueueEvents,
    private readonly registry: TaskHandlerRegistry,
  ) {
    registry.observe(({ options }) => this.startSeries(options.name));
    events.subscribe((event) => this.onEvent(event));
    this.hideSlots = showSlots(slots, () => queue.slots());
  }

  onModuleDestroy(): void {
    this.hideSlots();
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'tasks-pushed':
        return this.count(event.name, 'new', event.count);
      case 'tasks-claimed':
        return this.onClaimed(event);
      case 'task-cancelled':
        return this.count(event.name, 'cancelled', 1);
      case 'tasks-rescued':
        this.count(event.name, 'lost', event.count);
        return this.count(event.name, 'no_attempts_left', event.exhausted);
      case 'attempt-settled':
        return this.onSettled(event);
      case 'task-refused':
        return this.onRefused(event);
      case 'task-accepted':
        return this.refused.dec({ kind: event.name });
      case 'stopped':
        return this.onStopped();
      case 'handler-abandoned':
        return this.abandoned.inc({ kind: event.name });
      case 'abandoned-handler-ended':
        return this.abandoned.dec({ kind: event.name });
      default:
    }
  }

  private onClaimed({ name, count, waitsMs }: EventOf<'tasks-claimed'>): void {
    this.count(name, 'processing', count);
    const labels = { kind: name };
    for (const waitMs of waitsMs) {
      this.waits.observe(labels, waitMs / 1000);
    }
  }

  private onSettled({ name, as, exhausted, durationMs }: EventOf<'attempt-settled'>): void {
    this.durations.observe({ kind: name }, durationMs / 1000);
    if (as !== 'snoozed' && as !== 'released') {
      this.count(name, as, 1);
    }
    if (exhausted) {
      this.count(name, 'no_attempts_left', 1);
    }
  }

  private onRefused({ name, tries, retryInMs }: EventOf<'task-refused'>): void {
    this.refusals.inc({ kind: name });
    if (retryInMs !== null && tries === 1) {
      this.refused.inc({ kind: name });
    }
  }

  /** Refused tasks are counted again by the next run, or by other processes. */
  private onStopped(): void {
    this.refused.reset();
    this.registry.getAll().forEach(({ options }) => this.refused.set({ kind: options.name }, 0));
  }

  private count(kind: string, status: MetricStatus, count: number): void {
    this.tasks.inc({ kind, status }, count);
  }

  private startSeries(kind: string): void {
    for (const status of METRIC_STATUSES) {
      this.count(kind, status, 0);
    }
    this.abandoned.inc({ kind }, 0);
    this.refusals.inc({ kind }, 0);
    this.refused.inc({ kind }, 0);
    showKind(this.slots, kind);
    startHistogram(this.durations, { kind });
    startHistogram(this.waits, { kind });
  }
}
