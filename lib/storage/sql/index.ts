import { schemaNames } from '../schema-names.js';
import { actSql } from './act.sql.js';
import { activitySql } from './activity.sql.js';
import { adminSql } from './admin.sql.js';
import { claimSql } from './claim.sql.js';
import { leaseSql } from './lease.sql.js';
import { listSql } from './list.sql.js';
import { manageSql } from './manage.sql.js';
import { pushSql } from './push.sql.js';
import { writersPath } from './path.sql.js';
import { qualifiedAll } from './qualified.js';
import { settleSql } from './settle.sql.js';
import { snapshotSql } from './snapshot.sql.js';

/** Every statement of the queue, for one schema. */
export type QueueSql = ReturnType<typeof queueSql>;

/** @throws InvalidOptionError when the schema can't be a PostgreSQL identifier. */
export function queueSql(schema: string) {
  const names = schemaNames(schema);
  const statements = {
    ...claimSql(names),
    ...settleSql(names),
    ...leaseSql(names),
    ...manageSql(names),
    ...adminSql(names),
    ...listSql(names),
    ...actSql(names),
    ...activitySql(names),
    ...snapshotSql(names),
  };
  const { completeKeeping, completeDeleting, findCompleted, cancelByKey, retryExhausted } = statements;
  const { boundReading, beginRead } = statements;
  return {
    names,
    ...statements,
    // Under the search_path of the application; all others run under the queue's own.
    ...qualifiedAll({
      ...pushSql(names),
      completeKeeping,
      completeDeleting,
      findCompleted,
      cancelByKey,
      retryExhausted,
      boundReading,
      beginRead,
      writersPath: writersPath(names.task),
    }),
  };
}
