import pg from 'pg';
import type { QueueTable } from '../../inspect/cluster-snapshot.js';
import type { SchemaNames } from '../schema-names.js';
import { millis } from './clock.sql.js';

const regclass = (name: string) => `${pg.escapeLiteral(name)}::regclass`;

export function snapshotSql({ task, lease, registry, pause, activity, snapshot, wake }: SchemaNames) {
  const tables: Record<QueueTable, string> = {
    pgqueue: task,
    pgqueue_lease: lease,
    pgqueue_registry: registry,
    pgqueue_pause: pause,
    pgqueue_activity: activity,
    pgqueue_snapshot: snapshot,
    pgqueue_wake: wake,
  };
  const deadTuples = Object.entries(tables).map(
    ([label, name]) => `'${label}', pg_stat_get_dead_tuples(${regclass(name)})`,
  );

  const privileges = [
    ...[snapshot, registry].flatMap((name) => [[name, 'INSERT'] as const, [name, 'UPDATE'] as const]),
    ...[task, lease, registry, pause].map((name) => [name, 'SELECT'] as const),
  ];
  const mayTake = privileges.map(
    ([name, privilege]) => `has_table_privilege(${regclass(name)}, '${privilege}')`,
  );

  return {
    /** Answers a row though there is no snapshot yet. */
    readSnapshot: `
SELECT json_build_object(
  'mayTake', ${mayTake.join(' AND ')},
  'stored', (
    SELECT json_build_object('snapshot', content, 'ageMs', greatest(0, ${millis('clock_timestamp()')} - ${millis('taken_at')}))
    FROM ${snapshot}))::text AS answer`,
    /** $1 content. */
    storeSnapshot: `
INSERT INTO ${snapshot} (content) VALUES ($1::json)
ON CONFLICT (one) DO UPDATE SET taken_at = clock_timestamp(), content = excluded.content`,
    /**
     * Vacuum heeds the transactions of its own database, and standbys and slots of any. An ordinary role does not see since when
     * sessions of other roles have had a transaction, nor which of them are walsenders in pg_stat_activity; all else everybody sees.
     */
    vitals: `
SELECT json_build_object(
  'now', ${millis('clock_timestamp()')},
  'deadTuples', json_build_object(${deadTuples.join(', ')}),
  'oldestTransactionMs', (
    SELECT coalesce(max(greatest(0, ${millis('clock_timestamp()')} - ${millis('began')})), 0) FROM (
      SELECT xact_start AS began FROM pg_stat_activity
      WHERE datname = current_database() AND coalesce(backend_xid, backend_xmin) IS NOT NULL AND pid <> pg_backend_pid()
        AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
      UNION ALL
      SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()
    ) transactions),
  'heldXmin', (
    SELECT xmin::text FROM (
      SELECT xmin FROM pg_replication_slots
      UNION ALL
      SELECT backend_xmin FROM pg_stat_replication
    ) holders(xmin) WHERE xmin IS NOT NULL ORDER BY age(xmin) DESC LIMIT 1))::text AS answer`,
  };
}
