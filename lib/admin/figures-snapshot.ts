import { type ClusterSnapshot, snapshotOf } from '../inspect/cluster-snapshot.js';
import { AdminRepository } from '../storage/admin.repository.js';
import { DedicatedDatabase } from '../storage/dedicated-database.js';
import { SnapshotRepository, type StoredSnapshot } from '../storage/snapshot.repository.js';
import { inTime } from '../timing/timeout.js';
import type { AdminDatabase } from './admin-database.js';
import { countsOf, readFigures, reportedNames } from './figures.js';
import { isLost } from './worker-views.js';

export interface FiguresSnapshotDeps {
  source: AdminDatabase;
  statementTimeoutMs: number;
  transactionPooling: boolean;
  /** The name of a kind that this process handles or pushes; undefined for any other kind. */
  nameOf: (kind: number) => string | undefined;
}

/** The stored figures of one database. One process per period reads and stores them, on a connection of its own; all processes show them. */
export class FiguresSnapshot {
  private readonly database: DedicatedDatabase;
  private opened: { admin: AdminRepository; repository: SnapshotRepository } | undefined;

  constructor(private readonly deps: FiguresSnapshotDeps) {
    this.database = new DedicatedDatabase(() => deps.source.database, { ...deps, role: 'snapshot' });
  }

  /** The name of the database. */
  get name(): string {
    return this.deps.source.name;
  }

  /**
   * The last snapshot. When it is older than a period and no other process has taken its turn, this process takes a new one. Null when
   * no snapshot was taken yet.
   */
  async read(periodMs: number): Promise<StoredSnapshot | null> {
    const { source, statementTimeoutMs: patienceMs } = this.deps;
    // An application may have started while this server was down.
    await inTime(patienceMs, source.database.prepare());
    const { repository } = this.open();
    const { stored, mayTake } = await repository.read();
    if ((stored && stored.ageMs < periodMs) || !mayTake || !(await repository.takeTurn(periodMs))) {
      return stored;
    }
    const snapshot = await this.take(stored?.snapshot ?? null);
    await repository.store(snapshot);
    return { snapshot, ageMs: 0 };
  }

  close(): Promise<void> {
    return this.database.close();
  }

  private async take(previous: ClusterSnapshot | null): Promise<ClusterSnapshot> {
    const { admin, repository } = this.open();
    const { counted, workers, pauses } = await readFigures({ master: admin, reading: admin }, null);
    const lost = workers.filter(isLost).length;
    return snapshotOf({
      counts: countsOf(counted, () => ''),
      paused: new Set(pauses.keys()),
      workers: { live: workers.length - lost, lost },
      handled: reportedNames(workers),
      vitals: await repository.vitals(),
      nameOf: this.deps.nameOf,
      previous,
    });
  }

  private open() {
    const { source, statementTimeoutMs } = this.deps;
    this.opened ??= {
      admin: new AdminRepository(this.database, source.sql, statementTimeoutMs),
      repository: new SnapshotRepository(this.database, source.sql),
    };
    return this.opened;
  }
}
