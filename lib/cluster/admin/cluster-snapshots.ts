import type { AdminDatabase } from '../../admin/admin-database.js';
import { FiguresSnapshot, type FiguresSnapshotDeps } from '../../admin/figures-snapshot.js';

export type { FiguresSnapshot };

/** The stored figures of the whole queue, one snapshot for each database. */
export class ClusterSnapshots {
  readonly all: readonly FiguresSnapshot[];

  constructor(databases: readonly AdminDatabase[], options: Omit<FiguresSnapshotDeps, 'source'>) {
    this.all = databases.map((source) => new FiguresSnapshot({ ...options, source }));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((snapshot) => snapshot.close()));
  }
}
