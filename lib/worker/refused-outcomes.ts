import { isolateRows } from '../storage/isolate-rows.js';
import { byKind } from '../task/isolation.js';
import type { Settlement } from '../task/settlement.js';
import type { OutcomeReport, SettlerEntry } from './outcome-report.js';
import type { RefusedTasks } from './refused-tasks.js';

export interface RefusedOutcomesDeps {
  refused: RefusedTasks;
  report: OutcomeReport;
  holds(leaseId: number): boolean;
  /** Writes outcomes of one sort, and tells what became of them. */
  write(entries: readonly SettlerEntry[], as: Settlement['write']): Promise<void>;
  /** One of them is written, or need not be. */
  onDone(): void;
}

/**
 * Outcomes that the database refuses to store. Each is tried without its text, then kept apart, so that no other outcome waits behind
 * it; it stays known here, so that nobody runs its task again while this process lives.
 */
export class RefusedOutcomes {
  private readonly entries = new Set<SettlerEntry>();
  private closed = false;

  constructor(private readonly deps: RefusedOutcomesDeps) {}

  get all(): ReadonlySet<SettlerEntry> {
    return this.entries;
  }

  /**
   * Writes those of a batch that can be written.
   * @returns those that are to be tried again together, since nothing or too much fails
   * @throws where it is the server that fails
   */
  async divide(batch: readonly SettlerEntry[]): Promise<readonly SettlerEntry[]> {
    const as = batch[0]!.settlement.write;
    const left: SettlerEntry[] = [];
    for (const ofKind of byKind(batch, ({ task }) => task.kind)) {
      const { refused, untried } = await isolateRows(ofKind, (part) => this.deps.write(part, as));
      for (const { item, error } of refused) {
        await this.refuse(item, error);
      }
      left.push(...untried);
    }
    return left;
  }

  /** Whatever is kept is tried at once: what is refused again is left to a rescue. */
  async tryLast(): Promise<void> {
    await Promise.allSettled([...this.entries].map((entry) => this.tryAgain(entry)));
  }

  /** Tries no longer. */
  close(): void {
    this.closed = true;
  }

  private async refuse(entry: SettlerEntry, error: unknown): Promise<void> {
    for (const simpler of simplerThan(entry)) {
      try {
        await this.deps.write([simpler], simpler.settlement.write);
        return;
      } catch {
        // Neither does that help: the first error is the one to tell of.
      }
    }
    this.entries.add(entry);
    const { id } = entry.settlement;
    const { kind } = entry.task;
    this.deps.refused.refuse({ id, kind }, 'outcome', error, () => this.tryAgain(entry));
  }

  private async tryAgain(entry: SettlerEntry): Promise<void> {
    if (this.closed || !this.entries.has(entry)) {
      return;
    }
    if (this.deps.holds(entry.leaseId)) {
      await this.deps.write([entry], entry.settlement.write);
    } else {
      this.deps.report.lost(entry);
    }
    this.entries.delete(entry);
    this.deps.onDone();
  }
}

/** The same outcome without what may be the reason that it is refused. */
function simplerThan(entry: SettlerEntry): SettlerEntry[] {
  const { settlement } = entry;
  if ('message' in settlement && settlement.message !== null) {
    const message = 'the error message could not be stored';
    return [
      { ...entry, settlement: { ...settlement, message } },
      { ...entry, settlement: { ...settlement, message: null } },
    ];
  }
  if (settlement.write === 'delete') {
    // Something of the application's points to it.
    const status = entry.as === 'cancelled' ? 'cancelled' : 'succeeded';
    const kept: Settlement = { ...settlement, write: 'finish', status, message: null, keep: 0 };
    return [{ ...entry, settlement: kept }];
  }
  return [];
}
