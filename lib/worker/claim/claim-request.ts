import type { ClaimRequest, DueTask, LevelRequest, Position } from '../../task/claim.js';
import { isBefore } from './claim-levels.js';

/** Returns a request for these tasks alone. It begins where the first of each level is, so that what it took is found though its answer is lost. */
export function requestFor(
  tasks: readonly DueTask[],
  claimId: number,
  leaseId: number,
  limit: number,
): ClaimRequest {
  const kinds = new Map<number, Map<number, Position>>();
  for (const { kind, priority, runAt, id } of tasks) {
    const levels = kinds.get(kind) ?? new Map<number, Position>();
    const before = { runAt, id: id - 1 };
    const first = levels.get(priority);
    if (!first || isBefore(before, first)) {
      levels.set(priority, before);
    }
    kinds.set(kind, levels);
  }
  return {
    claimId,
    leaseId,
    kinds: [...kinds].map(([kind, levels]) => ({
      kind,
      free: tasks.length,
      levels: levelsFrom(levels),
    })),
    limit: Math.max(1, limit),
    forceXid: false,
    findNextDue: false,
  };
}

/** Returns where to begin in each level, in the order of priority. */
export function levelsFrom(cursors: ReadonlyMap<number, Position>): LevelRequest[] {
  return Array.from(cursors, ([priority, cursor]) => ({ priority, cursor })).toSorted(
    (a, b) => a.priority - b.priority,
  );
}
