import type { Json, Session } from '../../lib/dashboard/dashboard-api.js';
import { createStore, useStore } from './store.js';

/** Who looks: unknown at first, and denied once the server refuses to show anything. */
export const session = createStore<Json<Session> | 'unknown' | 'denied'>('unknown');

export function markDenied(): void {
  session.set('denied');
}

/** Whether the visitor may change tasks: those of a kind, or any. */
export function useMayChange(kind?: number): boolean {
  const visitor = useStore(session);
  return (
    typeof visitor === 'object' &&
    visitor.access === 'full' &&
    (kind === undefined || (visitor.actsOn?.includes(kind) ?? true))
  );
}

/** The kinds that he may change; null: all. */
export function useActsOn(): readonly number[] | null {
  const visitor = useStore(session);
  return typeof visitor === 'object' ? visitor.actsOn : null;
}

/** The names of the shards; one, or none that is known, where there is nothing to choose. */
export function useShards(): readonly string[] {
  const visitor = useStore(session);
  return typeof visitor === 'object' ? visitor.shards : [];
}

export function useRedacted(): boolean {
  const visitor = useStore(session);
  return typeof visitor === 'object' && visitor.redacted;
}
