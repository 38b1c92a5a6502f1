import type { LateHeartbeat } from '../../storage/heartbeat.js';

/**
 * Finds the late leases whose heartbeat has really stood still, by this process's own clock too: when the database's clock jumps
 * forward, every last heartbeat is old, but the next one comes as before.
 */
export class FailureDetector {
  private seen = new Map<number, { readonly beatAt: number; readonly since: number }>();

  /** @param stillMs for how long a heartbeat must not change */
  constructor(private readonly stillMs: number) {}

  /** @returns the ids of the leases whose process may be lost */
  suspects(late: readonly LateHeartbeat[], now: number): number[] {
    const before = this.seen;
    this.seen = new Map();
    return late.flatMap(({ id, beatAt, silent }) => {
      const known = before.get(id);
      const since = known?.beatAt === beatAt ? known.since : now;
      this.seen.set(id, { beatAt, since });
      return silent && now - since >= this.stillMs ? [id] : [];
    });
  }
}
