import type { Json, Session } from '../../lib/dashboard/dashboard-api.js';
import { createStore, useStore } from './store.js';

/** The visitor's session: unknown at first, and denied once the server denies access. */
export const session = createStore<Json<Session> | 'unknown' | 'denied'>('unknown');

export function markDenied(): void {
  session.set('denied');
}

/** Whether the visitor may change tasks of a kind; without a kind, tasks of any. */
export function useMayChange(kind?: number): boolean {
  const visitor = useStore(session);
  return (
    typeof visitor === 'object' &&
    visitor.access === 'full' &&
    (kind === undefined || (visitor.actsOn?.includes(kind) ?? true))
  );
}

/** The kinds that the visitor may change; null: all. */
export function useActsOn(): readonly number[] | null {
  const visitor = useStore(session);
  return typeof visitor === 'object' ? visitor.actsOn : null;
}

/** The names of the shards; empty before the session is loaded. */
export function useShards(): readonly string[] {
  const visitor = useStore(session);
  return typeof visitor === 'object' ? visitor.shards : [];
}

export function useRedacted(): boolean {
  const visitor = useStore(session);
  return typeof visitor === 'object' && visitor.redacted;
}
