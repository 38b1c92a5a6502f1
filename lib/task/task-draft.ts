/** What a task only carries: whoever pushes it gives it, and each of its attempts has it. The queue itself never reads it. */
export interface CarriedFields {
  /** The trace of the push, which attempts continue; null: none. */
  readonly trace: string | null;
}

/** A task as it is about to be stored: checked, with every default filled in. */
export interface TaskDraft extends CarriedFields {
  readonly kind: number;
  readonly priority: number;
  readonly attempts: number;
  readonly externalKey: string | null;
  readonly delayMs: number;
  /** JSON text. */
  readonly payload: string;
}

/** A draft that carries nothing yet. */
export function newDraft(
  { kind, maxAttempts }: { readonly kind: number; readonly maxAttempts: number },
  { priority, delayMs }: Pick<TaskDraft, 'priority' | 'delayMs'>,
  externalKey: string | null,
  payload: string,
): TaskDraft {
  return { kind, priority, attempts: maxAttempts, delayMs, externalKey, payload, trace: null };
}
