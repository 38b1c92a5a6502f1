const QUIET_MS = 60_000;

/** Limits what is logged: open pages repeat their requests every few seconds, so that one line per subject and minute is enough. */
export class LogLimit {
  private readonly quietUntil = new Map<string, number>();

  /** Whether a line about the subject may be logged now. The next one may then be logged a minute later. */
  allows(subject: string): boolean {
    const now = performance.now();
    if (now < (this.quietUntil.get(subject) ?? 0)) {
      return false;
    }
    this.quietUntil.set(subject, now + QUIET_MS);
    return true;
  }
}
