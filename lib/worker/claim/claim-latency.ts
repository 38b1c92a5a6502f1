/** A claim is given so long to come back with tasks, at least and at most. */
const SHORTEST_MS = 100;
const LONGEST_MS = 1000;
/** So much of what is known of earlier claims each new one changes, when it was faster. */
const EASE = 0.1;

/**
 * How long slots are kept for a claim on its way: twice what its claims take, so that one that is far away has its part
 * of the slots too; not for long, so that one that hangs keeps none from the others.
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
