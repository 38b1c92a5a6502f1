import type { StoredWorker } from '../storage/stored-worker.js';
import { defaultKindName } from '../task/task-name.js';
import { reportedNames } from './figures.js';

/** Unknown kinds make the names be read from the worker processes at most this often. */
const READ_AGAIN_MS = 5000;

/** The names of kinds: those of this process, else those that worker processes report. */
export class KindNames {
  private readonly reported = new Map<number, string>();
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly ownNameOf: (kind: number) => string | undefined) {}

  /** Keeps the names that worker processes report, also after these processes have ended. */
  learn(workers: readonly StoredWorker[]): void {
    this.readAt = performance.now();
    reportedNames(workers).forEach((name, kind) => this.reported.set(kind, name));
  }

  /** Reads the worker processes when the name of one of these kinds is unknown; `of` then returns what they report. */
  async require(kinds: Iterable<number>, workers: () => Promise<readonly StoredWorker[]>): Promise<void> {
    const isUnknown = (kind: number) => this.find(kind) === undefined;
    if ([...kinds].some(isUnknown) && performance.now() - this.readAt > READ_AGAIN_MS) {
      this.learn(await workers());
    }
  }

  readonly of = (kind: number): string => this.find(kind) ?? defaultKindName(kind);

  private find(kind: number): string | undefined {
    return this.ownNameOf(kind) ?? this.reported.get(kind);
  }
}
