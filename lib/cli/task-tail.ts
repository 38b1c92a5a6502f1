import type { QueueAdmin } from '../admin/queue-admin.js';
import { PartlyDone } from './partly.js';
import { ShardTail, type TailEvent } from './shard-tail.js';

/** By what names them: the worker processes, and the kinds that are paused. */
interface Processes {
  readonly present: ReadonlyMap<string, string>;
  readonly paused: ReadonlyMap<string, string>;
}

/** Tells what has changed since the last look, in all shards. */
export class TaskTail {
  private readonly tails: readonly ShardTail[];
  private workers: ReadonlyMap<string, string> | null = null;
  private paused: ReadonlyMap<string, string> | null = null;

  constructor(
    private readonly admin: QueueAdmin,
    shards: readonly string[],
  ) {
    this.tails = shards.map((shard) => new ShardTail(admin, shard));
  }

  /** The first look tells nothing but which shards can't be asked: there is none to compare it with. */
  async look(): Promise<TailEvent[]> {
    // At the same time, so that a shard that says nothing is waited for once.
    const [tasks, [processes]] = await Promise.all([
      Promise.all(this.tails.map((tail) => tail.look())),
      Promise.allSettled([this.ask()]),
    ]);
    const events = [...tasks.flat(), ...this.changesOf(processes)];
    return events.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  }

  /** As far as the shards that can be asked tell: those that can't are told of already. Null where none can. */
  private async ask(): Promise<Processes | null> {
    const partly = new PartlyDone();
    const [workers, kinds] = await Promise.all([
      partly.of(this.admin.workers()),
      partly.of(this.admin.kinds()),
    ]);
    if (partly.complaints.length === this.tails.length) {
      return null;
    }
    return {
      present: new Map(workers.map(({ id, worker }) => [id, worker])),
      paused: new Map(kinds.filter(({ pausedAt }) => pausedAt).map(({ kind, name }) => [String(kind), name])),
    };
  }

  /** @throws what was answered, unless the tails have told of it */
  private changesOf(asked: PromiseSettledResult<Processes | null>): TailEvent[] {
    if (this.tails.every(({ isDown }) => isDown)) {
      return [];
    }
    if (asked.status === 'rejected') {
      throw asked.reason;
    }
    if (!asked.value) {
      return [];
    }
    const { present, paused } = asked.value;
    const events = [
      ...changes(this.workers, present, 'worker-started', 'worker-ended'),
      ...changes(this.paused, paused, 'paused', 'resumed'),
    ];
    this.workers = present;
    this.paused = paused;
    return events;
  }
}

function changes(
  before: ReadonlyMap<string, string> | null,
  now: ReadonlyMap<string, string>,
  came: TailEvent['event'],
  went: TailEvent['event'],
): TailEvent[] {
  const at = new Date();
  return [
    ...missing(now, before ?? now).map((text) => ({ event: came, at, text })),
    ...missing(before ?? now, now).map((text) => ({ event: went, at, text })),
  ];
}

function missing(from: ReadonlyMap<string, string>, others: ReadonlyMap<string, string>): string[] {
  return [...from].filter(([id]) => !others.has(id)).map(([, text]) => text);
}
