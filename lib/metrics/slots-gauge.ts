import type { Gauge } from 'prom-client';
import type { KindSlots } from '../inspect/kind-slots.js';

/** Reads the slots of one application. */
export type ReadSlots = () => readonly KindSlots[];

interface Shown {
  readonly kinds: Set<string>;
  readonly readers: Set<ReadSlots>;
}

/** What each gauge shows: applications of one process may share a registry, and so the gauge. */
const shownBy = new WeakMap<Gauge, Shown>();

function shown(gauge: Gauge): Shown {
  const known = shownBy.get(gauge) ?? { kinds: new Set(), readers: new Set() };
  shownBy.set(gauge, known);
  return known;
}

/** Adds the slots of an application to a gauge, which reads them at each scrape. @returns a function that removes them */
export function showSlots(gauge: Gauge, read: ReadSlots): () => void {
  const { readers } = shown(gauge);
  readers.add(read);
  return () => readers.delete(read);
}

/** Starts the series of a kind, whether the kind is processed or not. */
export function showKind(gauge: Gauge, kind: string): void {
  shown(gauge).kinds.add(kind);
}

/** Sets the gauge when it is scraped. */
export function collectSlots(gauge: Gauge): void {
  const { kinds, readers } = shown(gauge);
  gauge.reset();
  for (const kind of kinds) {
    count(gauge, kind, 0, 0);
  }
  for (const read of readers) {
    read().forEach(({ name, slots, busy }) => count(gauge, name, busy, Math.max(0, slots - busy)));
  }
}

function count(gauge: Gauge, kind: string, busy: number, free: number): void {
  gauge.inc({ kind, state: 'busy' }, busy);
  gauge.inc({ kind, state: 'free' }, free);
}
