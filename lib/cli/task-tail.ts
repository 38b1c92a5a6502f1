import type { QueueAdmin } from '../admin/queue-admin.js';
import { PartlyDone } from './partly.js';
import { ShardTail, type TailEvent } from './shard-tail.js';

/** Tells what has changed since the last look, in all shards. */
export class TaskTail {
  private readonly tails: readonly ShardTail[];
  private workers: Map<string, string> | null = null;
  private paused: Map<string, string> | null = null;

  constructor(
    private readonly admin: QueueAdmin,
    shards: readonly string[],
  ) {
    this.tails = shards.map((shard) => new ShardTail(admin, shard));
  }

  /** The first look tells nothing but which shards can't be asked: there is none to compare it with. */
  async look(): Promise<TailEvent[]> {
    const tasks = await Promise.all(this.tails.map((tail) => tail.look()));
    const events = [...tasks.flat(), ...(await this.processes())];
    return events.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  }

  /** As far as the shards that can be asked tell: those that can't are told of already. */
  private async processes(): Promise<TailEvent[]> {
    if (this.tails.every(({ isDown }) => isDown)) {
      return [];
    }
    const partly = new PartlyDone();
    const workers = await partly.of(this.admin.workers());
    const kinds = await partly.of(this.admin.kinds());
    const present = new Map(workers.map(({ id, worker }) => [id, worker]));
    const paused = new Map(
      kinds.filter(({ pausedAt }) => pausedAt).map(({ kind, name }) => [String(kind), name]),
    );
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
