import type { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { errorMessage } from '../errors/error-message.js';
import { PartlyDone } from './partly.js';
import type { TailEvent } from './shard-tail.js';

/** By what names them. */
type Named = ReadonlyMap<string, string>;

/** Tells which worker processes came and went since the last look, and which kinds were paused and resumed, over all shards. */
export class ClusterTail {
  private workers: Named | null = null;
  private paused: Named | null = null;
  private failures = 0;
  private hasTold = false;

  constructor(
    private readonly admin: QueueAdmin,
    private readonly shards: readonly { readonly isDown: boolean }[],
  ) {}

  /** The first look tells nothing: there is none to compare it with. */
  async look(): Promise<TailEvent[]> {
    try {
      const events = await this.changes();
      this.failures = 0;
      this.hasTold = false;
      return events;
    } catch (error) {
      return this.failure(error);
    }
  }

  /** As far as the shards that can be asked tell: those that can't tell so themselves. */
  private async changes(): Promise<TailEvent[]> {
    const partly = new PartlyDone();
    const [workers, kinds] = await Promise.all([
      partly.of(this.admin.workers()),
      partly.of(this.admin.kinds()),
    ]);
    if (partly.complaints.length === this.shards.length) {
      return [];
    }
    const present = new Map(workers.map(({ id, worker }) => [id, worker]));
    const paused = new Map(
      kinds.filter(({ pausedAt }) => pausedAt).map(({ kind, name }) => [String(kind), name]),
    );
    const events = [
      ...changesOf(this.workers, present, 'worker-started', 'worker-ended'),
      ...changesOf(this.paused, paused, 'paused', 'resumed'),
    ];
    this.workers = present;
    this.paused = paused;
    return events;
  }

  /** Tells once. Of a server that went away its own tail tells, which may hear of it a moment later. */
  private failure(error: unknown): TailEvent[] {
    this.failures++;
    if (this.failures < 2 || this.hasTold || this.shards.every(({ isDown }) => isDown)) {
      return [];
    }
    this.hasTold = true;
    return [
      { event: 'not-shown', at: new Date(), text: `worker processes and pauses: ${errorMessage(error)}` },
    ];
  }
}

function changesOf(
  before: Named | null,
  now: Named,
  came: TailEvent['event'],
  went: TailEvent['event'],
): TailEvent[] {
  const at = new Date();
  return [
    ...missing(now, before ?? now).map((text) => ({ event: came, at, text })),
    ...missing(before ?? now, now).map((text) => ({ event: went, at, text })),
  ];
}

function missing(from: Named, others: Named): string[] {
  return [...from].filter(([id]) => !others.has(id)).map(([, text]) => text);
}
