import { CARRIED, STORED } from '../task-columns.js';
import { USED_TABLES } from './visibility.sql.js';

/** The columns of each table, in their order. */
const COLUMNS = {
  pgqueue: `id run_at created_at finished_at status kind priority lease_id claim_id attempts_left attempts_elapsed external_key messages ${CARRIED.map(({ column }) => column).join(' ')} payload`,
  pgqueue_lease:
    'id worker started_at heartbeat_at host pid version kinds settings slots running refused ended_at',
  pgqueue_registry: 'job updated_at',
  pgqueue_pause: 'kind paused_at',
  pgqueue_activity: 'minute kind succeeded failed exhausted wait run',
  pgqueue_snapshot: 'one taken_at content',
  pgqueue_wake: 'pushed_at',
};

export type PartKind =
  'table' | 'column' | 'index' | 'constraint' | 'sequence' | 'type' | 'domain' | 'function' | 'trigger';

/** A part of an installation. A table is its own owner; what is in none has none. */
export type SchemaPart = readonly [kind: PartKind, name: string, owner: string | null];

/** What an installation of this release consists of; a test compares it with what the migration creates. */
export const SCHEMA_PARTS: readonly SchemaPart[] = [
  ['type', 'pgqueue_status', null],
  ...['time', 'attempts'].map((name): SchemaPart => ['domain', `pgqueue_${name}`, null]),
  ...Object.entries(COLUMNS).flatMap(([table, columns]): SchemaPart[] => [
    ['table', table, table],
    ...columns.split(' ').map((column): SchemaPart => ['column', column, table]),
  ]),
  ...['pgqueue_claim', 'pgqueue_key', 'pgqueue_done', 'pgqueue_broken'].map((name): SchemaPart => [
    'index',
    name,
    'pgqueue',
  ]),
  ...['pgqueue_lease', 'pgqueue_pause', 'pgqueue_activity', 'pgqueue_snapshot'].map((table): SchemaPart => [
    'constraint',
    `${table}_valid`,
    table,
  ]),
  ...['pgqueue_bell', 'pgqueue_rewind'].map((name): SchemaPart => ['sequence', name, null]),
  ...['ring', 'wake', 'wake_later'].map((name): SchemaPart => ['function', `pgqueue_${name}`, null]),
  ['trigger', 'pgqueue_ring', 'pgqueue'],
  ['trigger', 'pgqueue_wake', 'pgqueue_wake'],
];

const VALUES = SCHEMA_PARTS.map(
  ([kind, name, owner]) => `('${kind}', '${name}', ${owner === null ? 'NULL' : `'${owner}'`})`,
).join(',\n    ');

/** The names of what has an owner of its own. */
const OWNED = [...new Set(SCHEMA_PARTS.filter(([, name, owner]) => owner === null || owner === name))]
  .map(([, name]) => `'${name}'`)
  .join(', ');

/**
 * The parts that a schema lacks. `is_foreign`: something else has the name, or the table that lacks the column is not the queue's.
 * @param schema an expression
 */
const missingParts = (schema: string) => `
  SELECT w.part, w.name, w.owner, CASE w.part
    WHEN 'column' THEN true
    WHEN 'index' THEN named.oid IS NOT NULL AND i.indrelid IS DISTINCT FROM t.oid
    WHEN 'constraint' THEN false
    WHEN 'trigger' THEN g.oid IS NOT NULL
    WHEN 'function' THEN p.oid IS NOT NULL
    ELSE named.oid IS NOT NULL OR y.oid IS NOT NULL
  END AS is_foreign
  FROM (VALUES
    ${VALUES}) AS w(part, name, owner)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = ${schema}
  LEFT JOIN pg_catalog.pg_class t ON t.relnamespace = n.oid AND t.relname = w.owner AND t.relkind IN ('r', 'p')
  LEFT JOIN pg_catalog.pg_class named ON named.relnamespace = n.oid AND named.relname = w.name
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = named.oid
  LEFT JOIN pg_catalog.pg_type y ON y.typnamespace = n.oid AND y.typname = w.name
  LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = w.name AND p.pronargs = 0
  LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND g.tgname = w.name
  WHERE (w.part <> 'column' OR t.oid IS NOT NULL) AND NOT CASE w.part
    WHEN 'table' THEN t.oid IS NOT NULL
    WHEN 'column' THEN EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.oid AND a.attname = w.name AND NOT a.attisdropped)
    WHEN 'index' THEN coalesce(i.indrelid = t.oid AND i.indisvalid, false)
    WHEN 'constraint' THEN EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conrelid = t.oid AND c.conname = w.name)
    WHEN 'sequence' THEN coalesce(named.relkind = 'S', false)
    WHEN 'type' THEN coalesce(y.typtype = 'e', false)
    WHEN 'domain' THEN coalesce(y.typtype = 'd', false)
    WHEN 'function' THEN coalesce(p.prorettype IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.void'::pg_catalog.regtype), false)
    WHEN 'trigger' THEN coalesce(p.oid = g.tgfoid, false)
  END`;

/**
 * Why nothing may be added to what is there; null where all is well. What another role owns that role can change: it is either not the
 * queue's, or for that role to complete. Behind a CTE `missing`.
 */
const obstacle = (schema: string) => `coalesce(
    (SELECT string_agg(CASE WHEN part = 'column' THEN 'table ' || owner || ' has no column ' || name
                            ELSE name || ' is there and is no ' || part || ' of the queue' END, ', ' ORDER BY owner, name)
     FROM missing WHERE is_foreign),
    (SELECT 'role ' || role || ' owns ' || string_agg(name, ', ' ORDER BY name) || ', and must complete what is of the queue'
     FROM (
       SELECT pg_catalog.pg_get_userbyid(o.owner)::text AS role, o.name::text AS name
       FROM pg_catalog.pg_namespace n, LATERAL (
         SELECT relname AS name, relowner AS owner FROM pg_catalog.pg_class WHERE relnamespace = n.oid
         UNION SELECT typname, typowner FROM pg_catalog.pg_type WHERE typnamespace = n.oid
         UNION SELECT proname, proowner FROM pg_catalog.pg_proc WHERE pronamespace = n.oid AND pronargs = 0
       ) o
       WHERE n.nspname = ${schema} AND o.name IN (${OWNED})
     ) owned
     WHERE role <> current_user AND EXISTS (SELECT FROM missing) GROUP BY role ORDER BY role LIMIT 1))`;

/** $1 schema. What is there of an installation: its version, what it lacks, and why that may not be added. */
export const INSPECT_SCHEMA = `
WITH missing AS (${missingParts('$1')}
)
SELECT (SELECT pg_catalog.obj_description(c.oid, 'pg_class')
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = 'pgqueue' AND c.relkind IN ('r', 'p')) AS comment,
  (SELECT coalesce(json_agg(json_build_array(part, name, owner)), '[]') FROM missing)::text AS missing,
  ${obstacle('$1')} AS obstacle`;

/** Raises an error where what is there is of another version or not of the queue, and can't be completed. Takes literals. */
export const refuseForeign = (schema: string, comment: string) => ` DECLARE
  strange text;
BEGIN
  SELECT pg_catalog.obj_description(c.oid, 'pg_class') INTO strange
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ${schema} AND c.relname = 'pgqueue';
  IF strange <> ${comment} THEN
    RAISE EXCEPTION USING MESSAGE = 'nestjs-pgqueue: the table pgqueue is of another version, or not of the queue: ' || strange;
  END IF;
  WITH missing AS (${missingParts(schema)}
  )
  SELECT ${obstacle(schema)} INTO strange;
  IF strange IS NOT NULL THEN
    RAISE EXCEPTION USING MESSAGE = 'nestjs-pgqueue: ' || strange,
      HINT = 'Rename or drop what is not the queue''s, or drop all tables of the queue, and migrate again.';
  END IF;
END `;

/** What a process does with the tables: one without handlers only pushes. */
export type SchemaUse = 'push' | 'work';

/** Only the owner has to do with the table behind the wake-ups at the end of transactions. */
const WORKED_WITH = [...USED_TABLES, 'pgqueue_bell', 'pgqueue_rewind'];

const WORK_PRIVILEGES = `
    SELECT c.relname AS object, p.privilege, CASE c.relkind
             WHEN 'S' THEN has_sequence_privilege(c.oid, p.privilege)
             ELSE has_table_privilege(c.oid, p.privilege) END AS granted
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN (VALUES ('r', 'SELECT'), ('r', 'INSERT'), ('r', 'UPDATE'), ('r', 'DELETE'), ('S', 'SELECT'), ('S', 'UPDATE'))
      AS p(relkind, privilege) ON p.relkind = c.relkind::text
    WHERE n.nspname = $1 AND c.relname IN (${WORKED_WITH.map((name) => `'${name}'`).join(', ')})`;

const PUSH_WRITES = [...STORED.map(({ column }) => column), 'payload', 'run_at'];

/** The privileges of the columns that a push writes, and of those that it reads. */
const PUSH_PRIVILEGES = `
    SELECT 'pgqueue' AS object, p.privilege || ' (' || p.name || ')' AS privilege, has_column_privilege(c.oid, p.name, p.privilege) AS granted
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
      (SELECT 'INSERT' AS privilege, unnest(ARRAY[${PUSH_WRITES.map((name) => `'${name}'`).join(', ')}]) AS name
       UNION ALL SELECT 'SELECT', unnest(ARRAY['id', 'kind', 'external_key'])) p
    WHERE n.nspname = $1 AND c.relname = 'pgqueue'
    UNION ALL
    SELECT c.relname, p.privilege, has_sequence_privilege(c.oid, p.privilege)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, (VALUES ('SELECT'), ('UPDATE')) AS p(privilege)
    WHERE n.nspname = $1 AND c.relname = 'pgqueue_bell'`;

/** $1 schema. The privileges that the role lacks. */
export const checkPrivileges = (use: SchemaUse) => `
SELECT current_user AS role, string_agg(wanted.privilege || ' on ' || wanted.object, ', ' ORDER BY wanted.object, wanted.privilege) AS privileges
FROM (${use === 'work' ? WORK_PRIVILEGES : PUSH_PRIVILEGES}
    UNION ALL
    SELECT 'schema ' || nspname, 'USAGE', has_schema_privilege(oid, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = $1
) wanted
WHERE NOT wanted.granted`;
