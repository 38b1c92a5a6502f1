import { AdminRepository } from '../storage/admin.repository.js';
import { DedicatedDatabase } from '../storage/dedicated-database.js';
import { SnapshotRepository, type StoredSnapshot } from '../storage/snapshot.repository.js';
import { type ClusterSnapshot, snapshotOf } from '../inspect/cluster-snapshot.js';
import { inTime } from '../timing/timeout.js';
import { combineCounts } from '../inspect/task-counts.js';
import type { AdminDatabase } from './admin-database.js';
import { isLost } from './worker-views.js';

export interface FiguresSnapshotDeps {
  source: AdminDatabase;
  statementTimeoutMs: number;
  transactionPooling: boolean;
  /** The name of a kind that this process knows. */
  nameOf: (kind: number) => string | undefined;
}

/** The figures of the whole cluster in one database: taken by one process per period, read by all. */
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

  /** The last one; where it is older than a period and nobody else has had the turn, one that is taken now. Null when there is none yet. */
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
    const { oldestDue, ...counted } = await admin.count(null);
    const workers = await admin.workers();
    const pauses = await admin.pauses();
    const lost = workers.filter(isLost).length;
    const kinds = workers.flatMap(({ settings }) => Object.entries(settings?.kinds ?? {}));
    return snapshotOf({
      counts: combineCounts(counted, () => '', oldestDue),
      paused: new Set(pauses.keys()),
      workers: { live: workers.length - lost, lost },
      handled: new Map(kinds.map(([kind, { name }]) => [Number(kind), name])),
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
