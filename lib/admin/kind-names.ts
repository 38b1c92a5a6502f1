import type { StoredWorker } from '../storage/stored-worker.js';

/** An unknown kind asks the worker processes at most so often. */
const ASK_AGAIN_MS = 5000;

/** The names of kinds: this process's own, or what worker processes call them. */
export class KindNames {
  private readonly told = new Map<number, string>();
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly ownNameOf: (kind: number) => string | undefined) {}

  /** Takes in what worker processes tell, the latest over the others. */
  learn(workers: readonly StoredWorker[]): void {
    this.askedAt = performance.now();
    for (const { settings } of workers) {
      for (const [kind, { name }] of Object.entries(settings?.kinds ?? {})) {
        this.told.set(Number(kind), name);
      }
    }
  }

  /** The same as `of` afterwards, once unknown ones have been asked for. */
  async ask(kinds: Iterable<number>, workers: () => Promise<readonly StoredWorker[]>): Promise<void> {
    const isUnknown = (kind: number) => this.find(kind) === undefined;
    if ([...kinds].some(isUnknown) && performance.now() - this.askedAt > ASK_AGAIN_MS) {
      this.learn(await workers());
    }
  }

  readonly of = (kind: number): string => this.find(kind) ?? `pgqueue-${kind}`;

  private find(kind: number): string | undefined {
    return this.ownNameOf(kind) ?? this.told.get(kind);
  }
}
