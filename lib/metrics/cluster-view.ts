import { addKinds, type ClusterSnapshot, NOTHING, type SnapshotKind } from '../task/cluster-snapshot.js';

/** The name under which tasks are shown whose kind nobody has named. */
export const UNKNOWN_KIND = 'unknown';

/** What one application knows of the cluster: the last snapshot that it has read, however old. */
export class ClusterView {
  /** Once shown, a kind stays. */
  private kinds = new Map<string, SnapshotKind>([[UNKNOWN_KIND, NOTHING]]);
  private last: ClusterSnapshot | undefined;
  /** Before there was a snapshot, when the looking for one began. */
  private takenAt = performance.now();

  /** A kind has its series from now on. */
  start(kind: string): void {
    if (!this.kinds.has(kind)) {
      this.kinds.set(kind, NOTHING);
    }
  }

  show(snapshot: ClusterSnapshot, ageMs: number): void {
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

  get snapshot(): ClusterSnapshot | undefined {
    return this.last;
  }

  get ageMs(): number {
    return performance.now() - this.takenAt;
  }
}
