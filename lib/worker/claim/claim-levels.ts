import type { ClaimAnswer, ClaimRequest, Position } from '../../task/claim.js';

/**
 * Yields the levels that a claim read, in its order, and whether it saw all that was due in each. A claim walks kinds and levels in
 * the order of its request and stops at a limit; what comes after the last row of a kind that reached its limit was not read.
 */
export function* scannedLevels(
  request: ClaimRequest,
  { tasks }: ClaimAnswer,
): Generator<[kind: number, priority: number, exhausted: boolean]> {
  const counts = new Map<number, { count: number; lastPriority: number }>();
  for (const { kind, priority } of tasks) {
    const counted = counts.get(kind);
    if (counted) {
      counted.count++;
      counted.lastPriority = Math.max(priority, counted.lastPriority);
    } else {
      counts.set(kind, { count: 1, lastPriority: priority });
    }
  }
  let left = request.limit - tasks.length > 0 ? Number.POSITIVE_INFINITY : tasks.length;
  for (const { kind, free, levels } of request.kinds) {
    const { count, lastPriority } = counts.get(kind) ?? { count: 0, lastPriority: -1 };
    left -= count;
    const cut = count >= free || left <= 0;
    for (const { priority } of levels) {
      if (!cut || priority <= lastPriority) {
        yield [kind, priority, !cut || priority < lastPriority];
      }
    }
    if (left <= 0) {
      return;
    }
  }
}

/**
 * Returns the furthest row of each level that is no later than `limit`. Later ones don't count: a waiting row that was re-armed
 * while the claim ran comes back with a new, later place than the one where the scan found it.
 */
export function lastPositions({ tasks }: ClaimAnswer, limit: number): Map<number, Position> {
  const reached = new Map<number, Position>();
  for (const task of tasks) {
    if (task.runAt <= limit) {
      reached.set(levelKey(task.kind, task.priority), task);
    }
  }
  return reached;
}

export function isBefore(a: Position, b: Position): boolean {
  return a.runAt < b.runAt || (a.runAt === b.runAt && a.id < b.id);
}

/** Returns one number for a kind and a level: kinds are smallints and levels below 16. */
export function levelKey(kind: number, priority: number): number {
  return kind * 16 + priority;
}

/** Returns what the number of a level was made of. */
export function levelOf(key: number): { kind: number; priority: number } {
  const kind = Math.floor(key / 16);
  return { kind, priority: key - kind * 16 };
}
