import { describe, expect, it, vi } from 'vitest';
import { type QueueEvent, QueueEvents } from '../../lib/events/queue-events.js';

const EVENT: QueueEvent = { type: 'saturated', shard: 'default' };
const failure = new Error('broken listener');

function broken(): never {
  throw failure;
}

describe('QueueEvents', () => {
  it('hands each event to every subscriber, in the order of subscription', () => {
    const events = new QueueEvents();
    const seen: string[] = [];
    events.subscribe(({ type }) => seen.push(`first ${type}`));
    events.subscribe(({ type }) => seen.push(`second ${type}`));
    events.emit(EVENT);
    expect(seen).toEqual(['first saturated', 'second saturated']);
  });

  it('ends a subscription', () => {
    const events = new QueueEvents();
    const listener = vi.fn<(event: QueueEvent) => void>();
    const unsubscribe = events.subscribe(listener);
    unsubscribe();
    unsubscribe();
    events.emit(EVENT);
    expect(listener).not.toHaveBeenCalled();
  });

  it('lets a listener end its own subscription, and another begin, while it is told', () => {
    const events = new QueueEvents();
    const late = vi.fn<(event: QueueEvent) => void>();
    const unsubscribe = events.subscribe(() => {
      unsubscribe();
      events.subscribe(late);
    });
    events.emit(EVENT);
    late.mockClear();
    events.emit(EVENT);
    expect(late).toHaveBeenCalledTimes(1);
  });

  it('tells the others when one listener throws, and goes on', () => {
    const events = new QueueEvents();
    const before = vi.fn<(event: QueueEvent) => void>();
    const after = vi.fn<(event: QueueEvent) => void>();
    events.subscribe(before);
    events.subscribe(broken);
    events.subscribe(after);
    expect(() => events.emit(EVENT)).not.toThrow();
    const told = { type: 'subscriber-failed', error: failure };
    expect(before.mock.calls).toEqual([[EVENT], [told]]);
    expect(after.mock.calls).toEqual([[told], [EVENT]]);
  });

  it('survives listeners that all throw', () => {
    const events = new QueueEvents();
    const first = vi.fn<(event: QueueEvent) => void>(broken);
    const second = vi.fn<(event: QueueEvent) => void>(broken);
    events.subscribe(first);
    events.subscribe(second);
    expect(() => events.emit(EVENT)).not.toThrow();
    expect(first.mock.calls.map(([{ type }]) => type)).toEqual(['saturated', 'subscriber-failed']);
    expect(second.mock.calls.map(([{ type }]) => type)).toEqual(['subscriber-failed', 'saturated']);
  });

  it('tells when an asynchronous listener rejects, and leaves no unhandled rejection', async () => {
    const events = new QueueEvents();
    const other = vi.fn<(event: QueueEvent) => void>();
    events.subscribe(async () => broken());
    events.subscribe(other);
    events.emit(EVENT);
    await vi.waitFor(() =>
      expect(other.mock.calls.at(-1)).toEqual([{ type: 'subscriber-failed', error: failure }]),
    );
  });

  it('survives asynchronous listeners that all reject', async () => {
    const events = new QueueEvents();
    const told: string[] = [];
    for (const name of ['first', 'second']) {
      events.subscribe(async ({ type }) => {
        told.push(`${name} ${type}`);
        broken();
      });
    }
    events.emit(EVENT);
    await vi.waitFor(() =>
      expect(told).toEqual([
        'first saturated',
        'second saturated',
        'second subscriber-failed',
        'first subscriber-failed',
      ]),
    );
  });
});
