import { addKinds, type ClusterSnapshot, NOTHING, type SnapshotKind } from '../inspect/cluster-snapshot.js';

/** The `kind` label of tasks whose kind has no name. */
export const UNKNOWN_KIND = 'unknown';

/** The last snapshot of one database that this application has read, however old. */
export class ClusterView {
  /** A kind that was shown once keeps its series. */
  private kinds = new Map<string, SnapshotKind>([[UNKNOWN_KIND, NOTHING]]);
  private last: ClusterSnapshot | undefined;
  /** When the snapshot was taken; when the view was created, while there is no snapshot. */
  private takenAt = performance.now();
  private up = false;

  constructor(readonly name: string) {}

  /** Starts the series of a kind. */
  start(kind: string): void {
    if (!this.kinds.has(kind)) {
      this.kinds.set(kind, NOTHING);
    }
  }

  /** Called when the database was read; null when it has no snapshot yet. */
  onRead(found: { readonly snapshot: ClusterSnapshot; readonly ageMs: number } | null): void {
    this.up = true;
    if (found) {
      this.show(found.snapshot, found.ageMs);
    }
  }

  /** Called when the database could not be read; the last snapshot stays. */
  onFailed(): void {
    this.up = false;
  }

  private show(snapshot: ClusterSnapshot, ageMs: number): void {
    const kinds = new Map([...this.kinds.keys()].map((kind) => [kind, NOTHING]));
    for (const { name, ...figures } of [{ name: UNKNOWN_KIND, ...snapshot.unknown }, ...snapshot.kinds]) {
      kinds.set(name, addKinds(kinds.get(name) ?? NOTHING, figures));
    }
    this.kinds = kinds;
    this.last = snapshot;
    this.takenAt = performance.now() - ageMs;
  }

  get figures(): Iterable<readonly [name: string, figures: SnapshotKind]> {
    return this.kinds;
  }

  /** Whether the last read succeeded. */
  get isUp(): boolean {
    return this.up;
  }

  get snapshot(): ClusterSnapshot | undefined {
    return this.last;
  }

  get ageMs(): number {
    return performance.now() - this.takenAt;
  }
}
