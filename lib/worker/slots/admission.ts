/** What limits how many tasks of a kind this process may claim, beside its slots. */
export interface Admission {
  /** Returns how many more tasks of the kind may be claimed now: 0 for none, infinity for any number. */
  allows(kind: number): number;
}

/** Returns the least that the admissions allow. */
export function admitted(admissions: readonly Admission[], kind: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const admission of admissions) {
    const allowed = admission.allows(kind);
    if (allowed < least) {
      least = allowed;
    }
  }
  return least;
}
