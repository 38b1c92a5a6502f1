/** A kind as events name it. */
export interface KindName {
  readonly kind: number;
  readonly name: string;
}

/** The name of a kind that has no other: no definition names it here, and no worker process reports a name. */
export function defaultKindName(kind: number): string {
  return `pgqueue-${kind}`;
}

/** One attempt as events name it. */
export interface AttemptName extends KindName {
  readonly id: string;
  /** Counts from 1. */
  readonly attempt: number;
}

/** How an attempt ended: by its outcome, or because the database did not take one. */
export type SettledAs = 'succeeded' | 'failed' | 'cancelled' | 'ignored' | 'lost' | 'snoozed' | 'released';
