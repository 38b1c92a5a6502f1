import { addKinds, type ClusterSnapshot, NOTHING, type SnapshotKind } from '../inspect/cluster-snapshot.js';

/** The `kind` label of tasks whose kind has no name. */
export const UNKNOWN_KIND = 'unknown';

/** The last snapshot of one database that this application has read, however old. */
export class ClusterView {
  /** The figures by the names of kinds. A kind that was shown once keeps its series. */
  readonly figures = new Map<string, SnapshotKind>([[UNKNOWN_KIND, NOTHING]]);
  snapshot: ClusterSnapshot | undefined;
  /** Whether the last read succeeded. */
  isUp = false;
  /** When the snapshot was taken; when the view was created, while there is no snapshot. */
  private takenAt = performance.now();

  constructor(readonly name: string) {}

  get ageMs(): number {
    return performance.now() - this.takenAt;
  }

  /** Starts the series of a kind. */
  start(kind: string): void {
    this.figures.set(kind, this.figures.get(kind) ?? NOTHING);
  }

  /** Called when the database was read; null when it has no snapshot yet. */
  onRead(found: { readonly snapshot: ClusterSnapshot; readonly ageMs: number } | null): void {
    this.isUp = true;
    if (found) {
      this.show(found.snapshot, found.ageMs);
    }
  }

  /** Called when the database could not be read; the last snapshot stays. */
  onFailed(): void {
    this.isUp = false;
  }

  private show(snapshot: ClusterSnapshot, ageMs: number): void {
    this.figures.forEach((_, kind) => this.figures.set(kind, NOTHING));
    for (const { name, ...figures } of [{ name: UNKNOWN_KIND, ...snapshot.unknown }, ...snapshot.kinds]) {
      this.figures.set(name, addKinds(this.figures.get(name) ?? NOTHING, figures));
    }
    this.snapshot = snapshot;
    this.takenAt = performance.now() - ageMs;
  }
}
