import type { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { errorMessage } from '../errors/error-message.js';
import type { TailEvent } from './database-tail.js';
import { PartialFailures } from './partial-failures.js';

/** Names by the id of a worker process, or by the number of a kind. */
type Names = ReadonlyMap<string, string>;

/** Reports worker processes that started or ended, and kinds that were paused or resumed, in all databases since the last poll. */
export class QueueTail {
  private workers: Names | null = null;
  private paused: Names | null = null;
  private failures = 0;
  private hasReportedFailure = false;

  constructor(
    private readonly admin: QueueAdmin,
    private readonly tails: readonly { readonly isDown: boolean }[],
  ) {}

  /** The first poll returns no events, because there is no earlier one to compare it with. */
  async poll(): Promise<TailEvent[]> {
    try {
      const events = await this.changes();
      this.failures = 0;
      this.hasReportedFailure = false;
      return events;
    } catch (error) {
      return this.failure(error);
    }
  }

  /** Leaves out databases that fail: the tail of such a database reports that it is down. */
  private async changes(): Promise<TailEvent[]> {
    const failures = new PartialFailures();
    const [workers, kinds] = await Promise.all([
      failures.resultOf(this.admin.workers()),
      failures.resultOf(this.admin.kinds()),
    ]);
    if (failures.errors.size === this.tails.length) {
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

  /**
   * Reports a failure once, and not before it has happened twice: when a server goes down, its own tail reports that, perhaps a moment
   * later.
   */
  private failure(error: unknown): TailEvent[] {
    this.failures++;
    if (this.failures < 2 || this.hasReportedFailure || this.tails.every(({ isDown }) => isDown)) {
      return [];
    }
    this.hasReportedFailure = true;
    return [
      { event: 'not-shown', at: new Date(), text: `worker processes and pauses: ${errorMessage(error)}` },
    ];
  }
}

function changesOf(
  before: Names | null,
  now: Names,
  added: TailEvent['event'],
  removed: TailEvent['event'],
): TailEvent[] {
  const at = new Date();
  return [
    ...missing(now, before ?? now).map((text) => ({ event: added, at, text })),
    ...missing(before ?? now, now).map((text) => ({ event: removed, at, text })),
  ];
}

function missing(from: Names, others: Names): string[] {
  return [...from].filter(([id]) => !others.has(id)).map(([, text]) => text);
}
