/** A task as it is about to be stored: checked, with every default filled in. */
export interface TaskDraft {
  readonly kind: number;
  readonly priority: number;
  readonly attempts: number;
  readonly externalKey: string | null;
  readonly delayMs: number;
  /** JSON text. */
  readonly payload: string;
  /** What its attempts are given to carry on; null: nothing. */
  readonly trace: string | null;
}
