import type { MetricStatus } from './task-status.js';

/** A kind as events name it. */
export interface KindName {
  readonly kind: number;
  readonly name: string;
}

/** How an attempt ended, as far as the database agreed. */
export type SettledAs =
  Exclude<MetricStatus, 'new' | 'processing' | 'no_attempts_left'> | 'snoozed' | 'released';

/** Which of the queue's own connections an event is about. */
export type ConnectionRole = 'claim' | 'settle' | 'heartbeat' | 'listen' | 'maintenance';

/** What happens in this process, for metrics, logs, traces and applications to observe. */
export type QueueEvent =
  | ({ readonly type: 'kind-registered' } & KindName)
  | ({ readonly type: 'tasks-pushed'; readonly count: number } & KindName)
  | ({ readonly type: 'task-cancelled' } & KindName)
  | ({ readonly type: 'tasks-claimed'; readonly count: number } & KindName)
  | ({
      readonly type: 'attempt-settled';
      readonly id: string;
      readonly attempt: number;
      readonly as: SettledAs;
      /** The task is `no_attempts_left` now. */
      readonly exhausted: boolean;
      readonly durationMs: number;
      readonly error?: unknown;
    } & KindName)
  | ({
      readonly type: 'handler-abandoned';
      readonly id: string;
      readonly attempt: number;
      readonly abandoned: number;
    } & KindName)
  | ({
      readonly type: 'abandoned-handler-ended';
      readonly id: string;
      readonly attempt: number;
      readonly abandoned: number;
    } & KindName)
  | ({ readonly type: 'slots-resized'; readonly from: number; readonly to: number } & KindName)
  | ({ readonly type: 'option-invalid'; readonly error: unknown } & KindName)
  | ({
      readonly type: 'tasks-rescued';
      readonly count: number;
      readonly exhausted: number;
      readonly worker: string;
    } & KindName)
  | ({ readonly type: 'tasks-expired'; readonly count: number } & KindName)
  | { readonly type: 'claimed'; readonly count: number; readonly durationMs: number }
  /** Nothing is claimed because no slot is free. */
  | { readonly type: 'saturated' }
  | { readonly type: 'flushed'; readonly count: number; readonly durationMs: number }
  | { readonly type: 'swept'; readonly count: number }
  | { readonly type: 'lease-acquired'; readonly leaseId: number }
  | { readonly type: 'lease-lost'; readonly leaseId: number; readonly running: number }
  | { readonly type: 'listening' }
  | { readonly type: 'connection-failed'; readonly role: ConnectionRole; readonly error: unknown }
  | { readonly type: 'connection-restored'; readonly role: ConnectionRole }
  | { readonly type: 'started'; readonly kinds: readonly (KindName & { readonly workerCount: number })[] }
  | { readonly type: 'stopped'; readonly released: number }
  | { readonly type: 'subscriber-failed'; readonly error: unknown };

/** Called at once, within what the event is about: it must not block. */
export type QueueEventListener = (event: QueueEvent) => void;

/** Hands each event to every subscriber; one that throws breaks neither the queue nor the others. */
export class QueueEvents {
  private readonly listeners = new Set<QueueEventListener>();

  /** @returns a function that ends the subscription. */
  subscribe(listener: QueueEventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  emit(event: QueueEvent): void {
    for (const listener of this.listeners) {
      call(listener, event, (error) => this.reportFailure(listener, error));
    }
  }

  private reportFailure(failed: QueueEventListener, error: unknown): void {
    for (const listener of this.listeners) {
      if (listener !== failed) {
        // Should this one fail too, there is nobody left to tell.
        call(listener, { type: 'subscriber-failed', error }, () => undefined);
      }
    }
  }
}

/** An asynchronous listener fits the type too; what it rejects with must not end the process. */
function call(listener: QueueEventListener, event: QueueEvent, onFailed: (error: unknown) => void): void {
  try {
    const result: unknown = listener(event);
    if (result instanceof Promise) {
      result.catch(onFailed);
    }
  } catch (error) {
    onFailed(error);
  }
}
