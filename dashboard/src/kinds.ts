import { useMemo } from 'preact/hooks';
import type { LoadedKind } from './api.js';
import { live } from './live-overview.js';
import { useStore } from './store.js';

/** The number of kinds that the overview leaves out. */
export function useMoreKinds(): number {
  return useStore(live).overview?.moreKinds ?? 0;
}

const NONE: readonly LoadedKind[] = [];

export function useKinds(): readonly LoadedKind[] {
  return useStore(live).overview?.kinds ?? NONE;
}

/** The name of a kind; its number when the overview leaves it out. */
export function useKindName(): (kind: string | number) => string {
  const kinds = useKinds();
  return useMemo(() => {
    const names = new Map(kinds.map(({ kind, name }) => [String(kind), name]));
    return (kind) => names.get(String(kind)) ?? `kind ${kind}`;
  }, [kinds]);
}
