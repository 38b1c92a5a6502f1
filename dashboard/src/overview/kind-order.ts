import type { LoadedKind } from '../api.js';
import { rankOf, type Trouble, troublesOf } from '../trouble.js';

/** A kind and its troubles. */
export interface JudgedKind {
  readonly kind: LoadedKind;
  readonly troubles: readonly Trouble[];
  readonly rank: number;
}

export interface KindOrder {
  readonly column: KindColumn;
  readonly descending: boolean;
}

export type KindColumn = keyof typeof VALUES;

/** Kinds with trouble come first, the worst of them on top. */
export const BY_TROUBLE: KindOrder = { column: 'trouble', descending: true };

const VALUES = {
  trouble: ({ rank }: JudgedKind) => rank,
  name: ({ kind }: JudgedKind) => kind.name,
  new: ({ kind }: JudgedKind) => kind.statuses.new.count,
  must_retry: ({ kind }: JudgedKind) => kind.statuses.must_retry.count,
  processing: ({ kind }: JudgedKind) => kind.statuses.processing.count,
  no_attempts_left: ({ kind }: JudgedKind) => kind.statuses.no_attempts_left.count,
  succeeded: ({ kind }: JudgedKind) => kind.statuses.succeeded.count,
  cancelled: ({ kind }: JudgedKind) => kind.statuses.cancelled.count,
  failed: ({ kind }: JudgedKind) => kind.points.reduce((sum, { failed }) => sum + failed, 0),
  wait: ({ kind }: JudgedKind) => kind.wait?.p95 ?? -1,
  run: ({ kind }: JudgedKind) => kind.run?.p95 ?? -1,
  oldest: ({ kind }: JudgedKind) => (kind.oldestDueAt === null ? 0 : -Date.parse(kind.oldestDueAt) + 1e15),
  slots: ({ kind }: JudgedKind) => kind.slots.capacity,
} as const;

export function judge(kinds: readonly LoadedKind[], at: string): JudgedKind[] {
  const now = Date.parse(at);
  return kinds.map((kind) => {
    const troubles = troublesOf(kind, now);
    return { kind, troubles, rank: rankOf(troubles) };
  });
}

/** Sorts equal kinds by name, so that their rows keep their order in each overview. */
export function inOrder(kinds: readonly JudgedKind[], { column, descending }: KindOrder): JudgedKind[] {
  const valueOf = VALUES[column];
  const sign = descending ? -1 : 1;
  return kinds.toSorted(
    (a, b) => sign * compare(valueOf(a), valueOf(b)) || compare(a.kind.name, b.kind.name),
  );
}

/** The kinds whose name contains the text, or whose number is the text. */
export function matching(kinds: readonly JudgedKind[], text: string): readonly JudgedKind[] {
  const wanted = text.trim().toLowerCase();
  return wanted === ''
    ? kinds
    : kinds.filter(({ kind }) => kind.name.toLowerCase().includes(wanted) || String(kind.kind) === wanted);
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'string' ? a.localeCompare(String(b), 'en') : a - Number(b);
}
