import type { ClaimRepository } from '../../storage/claim.repository.js';
import type { ClaimRequest, DueTask, KindRequest, Position } from '../../task/claim.js';
import { isBefore } from './claim-levels.js';
import { levelsFrom } from './claim-request.js';
import { byKind, isRowSuspected } from '../../storage/isolate-rows.js';
import type { WorkerPool } from '../run/worker-pool.js';
import type { WorkerBase } from '../worker-base.js';
import type { ClaimStarter } from './claim-starter.js';
import type { RefusedClaims } from './refused-claims.js';
import type { TaskClaimer } from './task-claimer.js';

/** When rows that a claim passed over are read: most locks are other claims', and gone by then. */
const FIRST_MS = 20;
/** A row whose lock is held for long is read each time later, up to this. */
const LONGEST_MS = 1000;
/** Reading takes this share of the time at most, as long as that is not later. */
const SHARE = 0.02;
/** How many rows one statement is about. */
const MOST_ROWS = 500;
/** No more rows are remembered: the rest is read when some of these are gone. */
const MOST_KNOWN = 10 * MOST_ROWS;

export interface SkippedRowsDeps extends Pick<WorkerBase, 'cursor'> {
  repository: ClaimRepository;
  pools: ReadonlyMap<number, WorkerPool>;
  starter: ClaimStarter;
}

/**
 * The rows that claims passed over because another transaction held them: another claim, mostly; or the application, by a lock, or a
 * cancel that it may roll back. The cursor has passed them too. They are read behind it, and tried until somebody has them.
 */
export class SkippedRows {
  /** By kind and priority, from where on rows may have been passed over. */
  private readonly from = new Map<number, Map<number, Position>>();
  private tasks: readonly DueTask[] = [];
  private pauseMs = FIRST_MS;
  /** When to try again, by `performance.now()`. */
  nextAt = Number.POSITIVE_INFINITY;

  /** @param refused the tasks that claims pass over for another reason */
  constructor(
    private readonly deps: SkippedRowsDeps,
    private readonly refused: RefusedClaims,
    private readonly claimer: TaskClaimer,
  ) {}

  /** A claim passed over rows. */
  note({ kinds }: ClaimRequest, now: number): void {
    for (const { kind, levels } of kinds) {
      for (const { priority, cursor } of levels) {
        this.noteFrom(kind, priority, cursor);
      }
    }
    this.nextAt = Math.min(this.nextAt, now + FIRST_MS);
  }

  /**
   * Reads what was passed over, and claims what can be had.
   * @throws what the database says; what is known is tried again anyway
   */
  async tryAgain(): Promise<void> {
    const startedAt = performance.now();
    const { pauseMs } = this;
    this.pauseMs = Math.min(LONGEST_MS, pauseMs * 2);
    this.nextAt = startedAt + this.pauseMs;
    await this.find();
    const hasClaimed = await this.claim();
    const isDone = this.tasks.length === 0 && this.from.size === 0;
    if (isDone || hasClaimed) {
      this.pauseMs = FIRST_MS;
    }
    const now = performance.now();
    const restMs = Math.min(LONGEST_MS, (now - startedAt) / SHARE);
    this.nextAt = isDone ? Number.POSITIVE_INFINITY : now + (hasClaimed ? 0 : Math.max(pauseMs, restMs));
  }

  private async find(): Promise<void> {
    if (this.from.size === 0 || this.tasks.length >= MOST_KNOWN) {
      return;
    }
    const { repository, cursor } = this.deps;
    const kinds = Array.from(this.from, ([kind, levels]) => ({
      kind,
      free: MOST_ROWS,
      levels: levelsFrom(levels),
    }));
    const found = await repository.findDue({ kinds, limit: MOST_ROWS }, this.refused.except);
    this.from.clear();
    if (found.length >= MOST_ROWS) {
      this.goOnAfter(kinds, found.at(-1)!);
    }
    // Claims come to what lies before the cursor.
    const passed = found.filter((task) => !isBefore(cursor.positionOf(task.kind, task.priority), task));
    const ids = new Set(passed.map(({ id }) => id));
    this.tasks = [...this.tasks.filter(({ id }) => !ids.has(id)), ...passed];
  }

  /** Notes what was not read: the rest of this row's level, up to the cursor, and the levels and kinds after it. */
  private goOnAfter(kinds: readonly KindRequest[], last: DueTask): void {
    const reached = kinds.findIndex(({ kind }) => kind === last.kind);
    for (const { kind, levels } of kinds.slice(reached)) {
      for (const { priority, cursor } of levels) {
        if (kind !== last.kind || priority > last.priority) {
          this.noteFrom(kind, priority, cursor);
        }
      }
    }
    if (isBefore(last, this.deps.cursor.positionOf(last.kind, last.priority))) {
      this.noteFrom(last.kind, last.priority, { runAt: last.runAt, id: last.id });
    }
  }

  private noteFrom(kind: number, priority: number, cursor: Position): void {
    const levels = this.from.get(kind) ?? new Map<number, Position>();
    const known = levels.get(priority);
    if (!known || isBefore(cursor, known)) {
      levels.set(priority, cursor);
    }
    this.from.set(kind, levels);
  }

  /** @returns whether any was claimed, so that more may be */
  private async claim(): Promise<boolean> {
    let hasClaimed = false;
    // Others know of these and try them, each alone.
    const refused = new Set(this.refused.except);
    this.tasks = this.tasks.filter(({ id }) => !refused.has(id));
    for (const ofKind of byKind(this.tasks, ({ kind }) => kind)) {
      const free = this.deps.pools.get(ofKind[0]!.kind)!.free;
      if (free > 0) {
        const tried = ofKind.slice(0, MOST_ROWS);
        const taken = await this.claimSome(tried, free);
        hasClaimed ||= taken.size > 0;
        const left = tried.filter(({ id }) => !taken.has(id));
        // Where a slot is left, all of these are held or gone.
        const known = taken.size < free ? await this.stillDue(left) : left;
        const gone = new Set(tried);
        this.tasks = [...this.tasks.filter((task) => !gone.has(task)), ...known];
      }
    }
    return hasClaimed;
  }

  private async claimSome(tried: readonly DueTask[], limit: number): Promise<ReadonlySet<number>> {
    const { refused } = this;
    try {
      return await this.claimer.claim(tried, limit, refused.except);
    } catch (error) {
      if (
        !this.deps.starter.isClosed &&
        isRowSuspected(error, 0) &&
        (await refused.isolate(tried.slice(0, limit)))
      ) {
        // Those that could be had have been started.
        return new Set();
      }
      throw error;
    }
  }

  private async stillDue(tasks: readonly DueTask[]): Promise<DueTask[]> {
    const { repository } = this.deps;
    const due = tasks.length > 0 ? await repository.findDueAmong(tasks.map(({ id }) => id)) : new Set();
    const refused = new Set(this.refused.except);
    return tasks.filter(({ id }) => due.has(id) && !refused.has(id));
  }
}
