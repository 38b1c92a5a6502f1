/** One of those who share slots. */
export interface SlotUser {
  /** How many slots it has. */
  readonly used: number;
  /** When it last got a slot: the higher, the later. */
  readonly servedAt: number;
}

/**
 * Returns how many of the free slots are one user's, when others want some too: those who have the fewest come first, until all have
 * the same (max-min fairness); what can't be divided goes to those who were served the longest ago.
 */
export function fairShare(user: SlotUser, others: readonly SlotUser[], free: number): number {
  if (others.length === 0) {
    return free;
  }
  const users = [user, ...others].toSorted((a, b) => a.used - b.used);
  let left = free;
  for (let count = 1; ; count++) {
    const level = users[count - 1]!.used;
    const toNext = ((users[count]?.used ?? Number.POSITIVE_INFINITY) - level) * count;
    if (toNext >= left) {
      return shareOf(user, users.slice(0, count), level, left);
    }
    left -= toNext;
  }
}

/** Returns what one user gets of the rest, which is dealt among those who all have the same by then. */
function shareOf(user: SlotUser, sharing: readonly SlotUser[], level: number, left: number): number {
  if (!sharing.includes(user)) {
    return 0;
  }
  const rank = sharing.filter(({ servedAt }) => servedAt < user.servedAt).length;
  const each = Math.floor(left / sharing.length);
  return level - user.used + each + (rank < left % sharing.length ? 1 : 0);
}
