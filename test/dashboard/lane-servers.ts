import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { PgQueueModule } from '../../lib/index.js';
import { findPgBouncer, startPgBouncer } from '../faults/support/pgbouncer.mjs';
import { startStandby } from '../faults/support/standby.mjs';
import { createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { typeOrm } from '../support/nest-app.js';
import { createTestDatabase } from '../support/test-database.js';

/** Sessions of the pooler. */
export const POOLED = 8;

/** A dashboard over servers of its own. */
export interface Servers {
  readonly dashboard: DashboardApp;
  /** Where what is pushed is stored. */
  readonly masterUrl: string;
  /** Where lists are read. */
  readonly readUrl: string;
  close(): Promise<void>;
}

async function withReplica(): Promise<Servers> {
  const settings = { wal_level: 'replica' };
  const primary = await EmbeddedPostgres.start(settings);
  const { standby, url } = await startStandby(primary, settings);
  const replication = { master: { url: primary.url }, slaves: [{ url }] };
  const dashboard = await createDashboardApp({
    queue: [
      typeOrm(primary.url, { url: undefined, replication }),
      PgQueueModule.forRoot({ readFrom: 'replica', autoStart: false }),
    ],
  });
  const close = async () => {
    await dashboard.close();
    await primary.stop();
    await standby.stop();
  };
  return { dashboard, masterUrl: primary.url, readUrl: url, close };
}

async function behindPgBouncer(): Promise<Servers> {
  const database = await createTestDatabase();
  const pooler = await startPgBouncer(findPgBouncer()!, database.url, POOLED);
  const dashboard = await createDashboardApp({
    queue: [
      typeOrm(pooler.url),
      PgQueueModule.forRoot({ transactionPooling: true, listen: false, autoStart: false }),
    ],
  });
  const close = async () => {
    await dashboard.close();
    await pooler.stop();
    await database.drop();
  };
  return { dashboard, masterUrl: database.url, readUrl: database.url, close };
}

const hasPgBouncer = findPgBouncer() !== undefined;
if (!hasPgBouncer) {
  process.stdout.write(
    "skipped: the dashboard's lanes behind PgBouncer, since it is not installed on this machine\n",
  );
}

/** What lanes may lead to. */
export const LANE_SERVERS: readonly (readonly [string, () => Promise<Servers>])[] = [
  ['that are read from a replica', withReplica],
  ...(hasPgBouncer ? [['behind PgBouncer in transaction mode', behindPgBouncer] as const] : []),
];
