import { QUEUE_TABLES } from '../../inspect/cluster-snapshot.js';

/** The tables that the queue's statements read and change: only the trigger of wake-ups has to do with its own. */
export const USED_TABLES = QUEUE_TABLES.filter((table) => table !== 'pgqueue_wake');

/**
 * $1 schema, $2 tables. Answers what makes statements succeed that see nothing: row security that hides rows from this role, what is
 * no table in a table's place, and a server or session that takes no writes. A policy that lets everything through hides nothing.
 */
export const CHECK_VISIBILITY = `
WITH named AS (
  SELECT c.oid, c.relname, c.relkind, row_security_active(c.oid) AS filtered
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])
), policy AS (
  SELECT p.polrelid, p.polcmd, p.polpermissive,
         p.polqual IS NULL OR pg_get_expr(p.polqual, p.polrelid) = 'true' AS passes
  FROM pg_policy p JOIN named ON named.oid = p.polrelid AND named.filtered
  WHERE EXISTS (SELECT FROM unnest(p.polroles) AS r(role)
                WHERE r.role = 0 OR pg_has_role(current_user, r.role, 'USAGE'))
)
SELECT current_user AS role,
       pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       (SELECT string_agg(relname || CASE relkind WHEN 'v' THEN ' (a view)' WHEN 'm' THEN ' (a materialized view)'
                                                  WHEN 'f' THEN ' (a foreign table)' ELSE '' END, ', ' ORDER BY relname)
        FROM named WHERE relkind NOT IN ('r', 'p')) AS no_tables,
       (SELECT string_agg(relname, ', ' ORDER BY relname)
        FROM named
        WHERE filtered AND (
          EXISTS (SELECT FROM (VALUES ('r'), ('w'), ('d')) AS needed(cmd)
                  WHERE NOT EXISTS (SELECT FROM policy
                                    WHERE polrelid = named.oid AND polpermissive AND passes AND polcmd::text IN ('*', cmd)))
          OR EXISTS (SELECT FROM policy
                     WHERE polrelid = named.oid AND NOT polpermissive AND NOT passes AND polcmd <> 'a'))) AS hidden,
       (SELECT min(n.nspname::text)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = 'pgqueue' AND c.relkind IN ('r', 'p') AND n.nspname <> $1
          AND obj_description(c.oid, 'pg_class') LIKE 'nestjs-pgqueue schema %'
          AND NOT EXISTS (SELECT FROM named WHERE relname = 'pgqueue')) AS elsewhere`;
