import { asciiJson } from './ascii.js';
import type { ClusterSnapshot, ServerVitals } from '../inspect/cluster-snapshot.js';
import type { Database } from './database.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';

export interface StoredSnapshot {
  readonly snapshot: ClusterSnapshot;
  readonly ageMs: number;
}

const JOB = 'snapshot';

/** The snapshot that all processes share. */
export class SnapshotRepository {
  constructor(
    private readonly database: Pick<Database, 'transaction'>,
    private readonly sql: QueueSql,
  ) {}

  /** `mayTake`: whether this role may take another. */
  read(): Promise<{ readonly stored: StoredSnapshot | null; readonly mayTake: boolean }> {
    return this.ask(this.sql.readSnapshot);
  }

  /** @returns whether this process takes the next one: no process has taken one for so long. Waits for no other process. */
  takeTurn(periodMs: number): Promise<boolean> {
    return this.database.transaction(async (run) => {
      const turns = await run(this.sql.takeTurns, [[JOB], intArray([periodMs], Math.round)]);
      return turns.length > 0;
    });
  }

  vitals(): Promise<ServerVitals> {
    return this.ask(this.sql.vitals);
  }

  async store(snapshot: ClusterSnapshot): Promise<void> {
    await this.database.transaction((run) =>
      run(this.sql.storeSnapshot, [asciiJson(JSON.stringify(snapshot))]),
    );
  }

  private ask<Answer>(sql: string): Promise<Answer> {
    return this.database.transaction(async (run) => {
      const [row] = await run(sql, []);
      return JSON.parse(row!['answer'] as string) as Answer;
    });
  }
}
