import { byKind, isolateRows } from '../../storage/isolate-rows.js';
import { asciiJson } from '../../storage/ascii.js';
import { NOT_STORED } from '../../errors/error-message.js';
import type { RefusedStep } from '../../events/queue-events.js';
import { type Settlement, WRITES } from '../../task/settlement.js';
import type { HeldLeases } from '../lease/held-leases.js';
import type { RefusedTasks } from '../refused-tasks.js';
import type { OutcomeWriter } from './outcome-writer.js';
import type { SettlerEntry } from './settler-entry.js';

export interface RefusedOutcomesDeps {
  refused: RefusedTasks;
  held: Pick<HeldLeases, 'holds'>;
  writer: Pick<OutcomeWriter, 'writeHeld'>;
  /** Some of the outcomes are written, or need not be. */
  onDone(): void;
}

/** The outcomes of a batch that could not be written, and are not kept apart. */
export interface Divided {
  /** Outcomes to try again together, since too many failed. */
  readonly untried: readonly SettlerEntry[];
  /** Outcomes that were left when the server failed. */
  readonly left: readonly SettlerEntry[];
}

interface Kept {
  readonly step: RefusedStep;
  /** What must succeed before the outcome is written. */
  readonly first: (() => Promise<unknown>) | undefined;
}

/**
 * Outcomes that the database refuses to store. Each is tried without its text, then kept apart, so that no other outcome waits behind
 * it; it stays known here, so that nobody runs its task again while this process lives.
 */
export class RefusedOutcomes {
  private readonly entries = new Map<SettlerEntry, Kept>();

  constructor(private readonly deps: RefusedOutcomesDeps) {}

  get all(): Iterable<SettlerEntry> {
    return this.entries.keys();
  }

  /**
   * Keeps an outcome that can't be written for now.
   * @param first what must succeed before it is, each time; it may be done again
   */
  keep(entry: SettlerEntry, step: RefusedStep, error: unknown, first?: () => Promise<unknown>): void {
    this.entries.set(entry, { step, first });
    const { id } = entry.settlement;
    this.deps.refused.refuse({ id, kind: entry.task.kind }, step, error, () => this.tryAgain(id, step));
  }

  /** Writes those of a batch that can be written. Never rejects. */
  async divide(batch: readonly SettlerEntry[]): Promise<Divided> {
    const as = batch[0]!.settlement.write;
    const left = new Set(batch);
    const untried: SettlerEntry[] = [];
    const write = async (part: readonly SettlerEntry[]) => {
      await this.deps.writer.writeHeld(part, as);
      part.forEach((entry) => left.delete(entry));
    };
    try {
      for (const ofKind of byKind(batch, ({ task }) => task.kind)) {
        const isolated = await isolateRows(ofKind, write);
        for (const { item, error } of isolated.refused) {
          await this.refuse(item, error);
          left.delete(item);
        }
        for (const entry of isolated.untried) {
          untried.push(entry);
          left.delete(entry);
        }
      }
    } catch {
      // It is the server, whose error the whole batch has met already.
    }
    return { untried, left: [...left] };
  }

  /** Whatever is kept is tried once more: what is refused again is left to a rescue. Never rejects. */
  async tryLast(): Promise<void> {
    for (const as of WRITES) {
      const entries = [...this.entries.keys()].filter(({ settlement }) => settlement.write === as);
      if (entries.length > 0) {
        await isolateRows(entries, (part) => this.write(part, as)).catch(() => undefined);
      }
    }
  }

  private async refuse(entry: SettlerEntry, error: unknown): Promise<void> {
    for (const simpler of simplerThan(entry)) {
      try {
        await this.deps.writer.writeHeld([simpler], simpler.settlement.write);
        return;
      } catch {
        // That does not help either: the first error is the one to report.
        entry.uncertain ||= simpler.uncertain;
      }
    }
    this.keep(entry, 'outcome', error);
  }

  private async tryAgain(id: number, step: RefusedStep): Promise<void> {
    for (const entry of this.keptOf(id, step)) {
      if (this.deps.held.holds(entry.leaseId)) {
        await this.entries.get(entry)!.first?.();
      }
      await this.write([entry], entry.settlement.write);
    }
  }

  /** Returns more than one where an earlier attempt has lost its lease. */
  private keptOf(id: number, step: RefusedStep): SettlerEntry[] {
    return [...this.entries].flatMap(([entry, kept]) =>
      entry.settlement.id === id && kept.step === step ? [entry] : [],
    );
  }

  private async write(entries: readonly SettlerEntry[], as: Settlement['write']): Promise<void> {
    await this.deps.writer.writeHeld(entries, as);
    for (const entry of entries) {
      const { id } = entry.settlement;
      const { step } = this.entries.get(entry)!;
      this.entries.delete(entry);
      if (this.keptOf(id, step).length === 0) {
        this.deps.refused.accept(id, step);
      }
    }
    this.deps.onDone();
  }
}

/** Returns the same outcome without what may be the reason that it is refused. */
function simplerThan(entry: SettlerEntry): SettlerEntry[] {
  const { settlement } = entry;
  if ('message' in settlement && settlement.message !== null) {
    // Every encoding has these characters.
    return [asciiJson(settlement.message), NOT_STORED, null].map((message) => ({
      ...entry,
      settlement: { ...settlement, message },
    }));
  }
  if (settlement.write === 'delete') {
    // A row of the application's may refer to the task.
    const status = entry.as === 'cancelled' ? 'cancelled' : 'succeeded';
    const kept: Settlement = { ...settlement, write: 'finish', status, message: null, keep: 0 };
    return [{ ...entry, settlement: kept }];
  }
  return [];
}
