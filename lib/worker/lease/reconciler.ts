import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { isolateRows } from '../../storage/isolate-rows.js';
import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { SettleRepository } from '../../storage/settle.repository.js';
import type { ClaimRequest, HeldTask, LevelPosition } from '../../task/claim.js';
import type { EventSink } from '../../events/queue-events.js';
import type { AttemptRef } from '../../task/settlement.js';
import type { RefusedTasks } from '../refused-tasks.js';
import { retryDelay } from '../../timing/retry-delay.js';

export interface ReconcilerDeps {
  leases: LeaseRepository;
  settle: SettleRepository;
  events: EventSink;
  refused: RefusedTasks;
  /** How long the server may work at a claim whose answer is given up. */
  statementTimeoutMs: number;
  heartbeatPeriodMs: number;
  /** The leases of this process. */
  held(): readonly number[];
  /** How far claims have come: behind that is nothing that nobody holds. */
  places(): readonly LevelPosition[];
  /** What this process runs, or has on its way to the database. */
  known(): Iterable<AttemptRef>;
  /** Resolves when the claim that is on its way has been answered, and what it brought is known. */
  claimAnswered(): Promise<void>;
  nameOf(kind: number): string;
  /** Tasks are back in their old places. */
  onReleased(): void;
}

/** How often a process compares what its leases hold with what it knows. */
const PERIOD_MS = 60_000;
/** Comparing takes this share of the time at most, however much there is to read. */
const LARGEST_SHARE = 0.02;
/** When is looked for what a claim took whose answer was lost: the server may be at it still. */
const LOOKS_AFTER_MS = [0, 1000, 5000];
/** So many rows of a level, from where that claim began: it took the first that were free, and only those that others held are before. */
const MOST_ROWS = 10_000;

/**
 * Gives back what this process's leases hold and nobody runs. A claim whose answer was lost may have taken tasks; a server that was
 * restored, or an operator, may have brought some back. Whatever happened, the database and this process are of one mind again within a minute.
 */
export class Reconciler {
  private readonly stopping = new AbortController();
  private readonly looking = new Set<Promise<void>>();
  private loop: Promise<void> | undefined;

  constructor(private readonly deps: ReconcilerDeps) {
    // As many listen as there are claims in doubt: Node takes more than ten for a leak.
    setMaxListeners(0, this.stopping.signal);
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Claims are in doubt: their leases may hold what nobody runs. */
  get isInDoubt(): boolean {
    return this.looking.size > 0;
  }

  /** The answer of a claim was lost: none of what it may have taken is going to run here. */
  answerLost(request: ClaimRequest): void {
    const look = this.lookFor(request).finally(() => this.looking.delete(look));
    this.looking.add(look);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.loop, ...this.looking]);
  }

  /** Compares once. @returns how many tasks were given back */
  async runOnce(): Promise<number> {
    const { leases, held, places, claimAnswered } = this.deps;
    const own = held();
    if (own.length === 0) {
      return 0;
    }
    const unknown = this.unknownOf(await leases.findOwn(own, places()));
    if (unknown.length === 0) {
      return 0;
    }
    await claimAnswered();
    return this.release(this.unknownOf(unknown));
  }

  private async run(): Promise<void> {
    const periodMs = Math.max(PERIOD_MS, this.deps.heartbeatPeriodMs);
    let pauseMs = periodMs * (0.5 + Math.random() / 2);
    while (await this.sleep(pauseMs)) {
      const startedAt = performance.now();
      await this.attempt(() => this.runOnce());
      pauseMs = Math.max(periodMs, (performance.now() - startedAt) / LARGEST_SHARE);
    }
  }

  private async lookFor(request: ClaimRequest): Promise<void> {
    // What begins after the last look would have to be longer on its way than any statement may take: the comparison finds it.
    for (const afterMs of [...LOOKS_AFTER_MS, this.deps.statementTimeoutMs]) {
      if (afterMs > 0 && !(await this.sleep(afterMs))) {
        return;
      }
      for (let failures = 1; !(await this.attempt(() => this.releaseStray(request))); failures++) {
        if (!(await this.sleep(retryDelay(failures)))) {
          return;
        }
      }
    }
  }

  private async releaseStray(request: ClaimRequest): Promise<number> {
    return this.release(await this.deps.leases.findStray(request, MOST_ROWS));
  }

  /** Those that the database refuses to release are kept apart. @returns how many were released */
  private async release(held: readonly HeldTask[]): Promise<number> {
    const { refused } = this.deps;
    const tasks = held.filter(({ id }) => !refused.has(id, 'release'));
    if (tasks.length === 0) {
      return 0;
    }
    try {
      return await this.unclaim(tasks);
    } catch {
      // What fails for all of them fails again.
      const isolated = await isolateRows(tasks, (part) => this.unclaim(part));
      for (const { item, error } of isolated.refused) {
        refused.refuse(item, 'release', error, async () => void (await this.unclaim([item])));
      }
      return isolated.results.reduce((sum, count) => sum + count, 0);
    }
  }

  private async unclaim(tasks: readonly HeldTask[]): Promise<number> {
    const { settle, events, nameOf, onReleased } = this.deps;
    const { settled } = await settle.unclaim(tasks);
    if (tasks.length > 0) {
      onReleased();
    }
    const released = tasks.filter(({ id }) => settled === null || settled.has(id));
    for (const kind of new Set(released.map((task) => task.kind))) {
      const count = released.filter((task) => task.kind === kind).length;
      events.emit({ type: 'tasks-released', kind, name: nameOf(kind), count });
    }
    return released.length;
  }

  private unknownOf(tasks: readonly HeldTask[]): HeldTask[] {
    const known = new Set<string>();
    for (const { id, claimId } of this.deps.known()) {
      known.add(`${id}:${claimId}`);
    }
    return tasks.filter(({ id, claimId }) => !known.has(`${id}:${claimId}`));
  }

  /** Never rejects. @returns whether it succeeded */
  private async attempt(work: () => Promise<number>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.deps.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      return false;
    }
  }

  /** @returns false when it was cut short by the stop. */
  private async sleep(ms: number): Promise<boolean> {
    try {
      await pause(ms, undefined, { signal: this.stopping.signal, ref: false });
      return true;
    } catch {
      return false;
    }
  }
}
