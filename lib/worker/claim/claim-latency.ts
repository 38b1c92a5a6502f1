/** The shortest and the longest time that a claim gets to come back with tasks. */
const SHORTEST_MS = 100;
const LONGEST_MS = 1000;
/** A claim that was faster than the usual changes it by this share of the difference. */
const EASE = 0.1;

/**
 * How long slots are kept for a claim on its way: twice what claims of this database take, so that a database that is far away has its
 * part of the slots too; not for long, so that one that hangs keeps none from the others.
 */
export class ClaimLatency {
  private usualMs = 0;
  private sentAt = 0;

  get ms(): number {
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, 2 * this.usualMs));
  }

  sent(now: number): void {
    this.sentAt = now;
  }

  answered(now: number): void {
    const tookMs = Math.min(now - this.sentAt, LONGEST_MS);
    this.usualMs = Math.max(tookMs, this.usualMs + (tookMs - this.usualMs) * EASE);
  }
}
