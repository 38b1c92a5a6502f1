import { addKinds, type ClusterSnapshot, NOTHING, type SnapshotKind } from '../inspect/cluster-snapshot.js';

/** The name under which tasks are shown whose kind nobody has named. */
export const UNKNOWN_KIND = 'unknown';

/** What one application knows of the cluster in a shard: the last snapshot that it has read, however old. */
export class ClusterView {
  /** Once shown, a kind stays. */
  private kinds = new Map<string, SnapshotKind>([[UNKNOWN_KIND, NOTHING]]);
  private last: ClusterSnapshot | undefined;
  /** Before there was a snapshot, when the looking for one began. */
  private takenAt = performance.now();
  private up = false;

  constructor(readonly shard: string) {}

  /** A kind has its series from now on. */
  start(kind: string): void {
    if (!this.kinds.has(kind)) {
      this.kinds.set(kind, NOTHING);
    }
  }

  /** The shard was asked and has answered, if only that there is no snapshot yet. */
  answered(found: { readonly snapshot: ClusterSnapshot; readonly ageMs: number } | null): void {
    this.up = true;
    if (found) {
      this.show(found.snapshot, found.ageMs);
    }
  }

  /** The shard could not be asked: what was known stays. */
  failed(): void {
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

  /** Whether the shard has answered when it was asked last. */
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
