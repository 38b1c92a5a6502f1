import type { QueueEvent, QueueService } from '../../lib/index.js';
import { LISTENS } from './over.js';
import { SECOND } from './over.js';
import { until } from './until.js';

type EventOf<T extends QueueEvent['type']> = Extract<QueueEvent, { type: T }>;

export interface RecordedEvents {
  /** Those of one type, in order. */
  of<T extends QueueEvent['type']>(type: T): EventOf<T>[];
  /** Waits for one that has happened, or happens. */
  first<T extends QueueEvent['type']>(
    type: T,
    matches?: (event: EventOf<T>) => boolean,
    timeoutMs?: number,
  ): Promise<EventOf<T>>;
}

/** Waits until workers hear of pushes, where they do. */
export async function untilListening(events: RecordedEvents): Promise<void> {
  await events.first(LISTENS ? 'listening' : 'claimed');
}

/** Keeps what happens in a queue's process from now on, besides what happens in a shard that tests know nothing of. */
export function recordEvents(queue: QueueService): RecordedEvents {
  const events: QueueEvent[] = [];
  queue.subscribe((event) => {
    if (!('shard' in event && event.shard === SECOND)) {
      events.push(event);
    }
  });
  const of = <T extends QueueEvent['type']>(type: T) =>
    events.filter((event): event is EventOf<T> => event.type === type);
  return {
    of,
    first: (type, matches = () => true, timeoutMs) => until(() => of(type).find(matches), timeoutMs),
  };
}
