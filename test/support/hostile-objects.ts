import pg from 'pg';

/** The schemas of another role that stand in the path, before PostgreSQL's own and behind it. */
export const HOSTILE_PATH = 'hostile, "$user", public, pg_catalog, behind';

/** The types that a function of SQL can take and give. */
const USABLE = `(t.typtype IN ('b', 'd', 'e', 'r', 'm') OR t.typname LIKE 'any%' AND t.typname <> 'any')`;

/** Arguments of aggregates and of VARIADIC "any", which only C can take, as the queue's statements have them. */
const OF_ANY = [
  'count()',
  'count(bigint)',
  'count(text)',
  'json_build_array(bigint, smallint)',
  'json_build_array(bigint, smallint, smallint, bigint, smallint, smallint, text, text, json)',
  'json_build_array(smallint, bigint)',
  'json_build_array(json, bigint)',
  'json_build_array(text, bigint)',
  'json_build_array(VARIADIC anycompatiblearray)',
  'json_build_object(text, bigint)',
  'json_build_object(text, json)',
  'json_build_object(VARIADIC anycompatiblearray)',
  'concat(VARIADIC anycompatiblearray)',
];

const plant = (schema: string) => `
DO $plant$
DECLARE
  body text := $body$ BEGIN PERFORM pg_catalog.nextval('loot.calls'); RAISE EXCEPTION 'captured by %', %L; END $body$;
  p record;
BEGIN
  -- Each function of PostgreSQL's, with its very arguments.
  FOR p IN
    SELECT f.proname, f.proretset, CASE WHEN f.prorettype IN (SELECT t.oid FROM pg_type t WHERE ${USABLE}) THEN format_type(f.prorettype, NULL) ELSE 'bigint' END AS result,
      (SELECT coalesce(string_agg(CASE WHEN f.provariadic <> 0 AND n = array_length(f.proargtypes, 1) THEN 'VARIADIC ' ELSE '' END || format_type(a, NULL), ', ' ORDER BY n), '')
       FROM unnest(f.proargtypes::oid[]) WITH ORDINALITY AS u(a, n)) AS arguments
    FROM pg_proc f
    WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.prokind IN ('f', 'a', 'w')
      AND NOT EXISTS (SELECT FROM unnest(f.proargtypes::oid[]) a JOIN pg_type t ON t.oid = a WHERE NOT ${USABLE})
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION ${schema}.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', p.proname, p.arguments,
                     CASE WHEN p.proretset THEN 'SETOF' END, p.result, replace(body, '%L', quote_literal(p.proname)));
    EXCEPTION WHEN OTHERS THEN NULL; -- only C can have it
    END;
  END LOOP;
  FOR p IN SELECT a FROM unnest(ARRAY[${OF_ANY.map((call) => pg.escapeLiteral(call)).join(', ')}]) a LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION ${schema}.%s RETURNS json LANGUAGE plpgsql AS %L', p.a, replace(body, '%L', quote_literal(p.a)));
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  -- Each operator with its very operands, and some that fit better.
  FOR p IN
    SELECT o.oid, o.oprname, format_type(l.oid, NULL) AS l, format_type(r.oid, NULL) AS r, format_type(t.oid, NULL) AS t
    FROM pg_operator o JOIN pg_type r ON r.oid = o.oprright JOIN pg_type t ON t.oid = o.oprresult LEFT JOIN pg_type l ON l.oid = o.oprleft
    WHERE o.oprnamespace = 'pg_catalog'::regnamespace
    UNION ALL
    SELECT 0, name, l, r, t FROM (VALUES ('*', 'numeric', 'integer', 'numeric'), ('*', 'bigint', 'interval', 'interval'), ('||', 'text', 'bigint', 'text'),
      ('||', 'text', 'integer', 'text'), ('+', 'bigint', 'smallint', 'bigint'), ('<>', 'bigint', 'integer', 'boolean')) AS v(name, l, r, t)
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION ${schema}.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', 'o' || p.oid || md5(p.oprname || p.l || p.r), concat_ws(', ', p.l, p.r), p.t,
                     replace(body, '%L', quote_literal(concat_ws(' ', p.l, p.oprname, p.r))));
      EXECUTE format('CREATE OPERATOR ${schema}.%s (%s RIGHTARG = %s, FUNCTION = ${schema}.%I)', p.oprname, 'LEFTARG = ' || p.l || ',', p.r, 'o' || p.oid || md5(p.oprname || p.l || p.r));
    EXCEPTION WHEN OTHERS THEN NULL; -- only C can have it
    END;
  END LOOP;
  -- Each type, as a domain that runs code.
  EXECUTE format('CREATE FUNCTION ${schema}.checked() RETURNS boolean LANGUAGE plpgsql AS %L', replace(body, '%L', '''a type'''));
  FOR p IN SELECT t.typname FROM pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' AND t.typelem = 0 LOOP
    EXECUTE format('CREATE DOMAIN ${schema}.%I AS pg_catalog.%I CHECK (${schema}.checked())', p.typname, p.typname);
  END LOOP;
  -- Casts of PostgreSQL's types that come by themselves.
  CREATE TYPE ${schema}.mood AS ENUM ('bad');
  FOREACH body IN ARRAY '{bigint,smallint,text,json,timestamptz}'::text[] LOOP
    EXECUTE format('CREATE FUNCTION ${schema}.mood(%s) RETURNS ${schema}.mood LANGUAGE plpgsql AS %L', body,
                   ' BEGIN PERFORM pg_catalog.nextval(''loot.calls''); RAISE EXCEPTION ''captured by a cast''; END ');
    EXECUTE format('CREATE CAST (%s AS ${schema}.mood) WITH FUNCTION ${schema}.mood(%s) AS IMPLICIT', body, body);
  END LOOP;
END $plant$;`;

/** Tables and views of the same names as the queue's and PostgreSQL's. */
const plantRelations = (schema: string) => `
DO $plant$
DECLARE
  p record;
BEGIN
  CREATE FUNCTION ${schema}.looked() RETURNS boolean LANGUAGE plpgsql AS $body$ BEGIN PERFORM pg_catalog.nextval('loot.calls'); RAISE EXCEPTION 'captured by a view'; END $body$;
  FOR p IN
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
    UNION ALL SELECT 'pgqueue' || n FROM unnest('{"",_lease,_registry,_pause,_activity,_snapshot,_bell,_rewind}'::text[]) n
  LOOP
    EXECUTE format('CREATE VIEW ${schema}.%I AS SELECT ${schema}.looked() AS oid', p.relname);
  END LOOP;
  CREATE TYPE ${schema}.pgqueue_status AS ENUM ('bad');
END $plant$;`;

/**
 * Makes another role plant an object for each of PostgreSQL's in schemas of the path, which counts that it was called, and raises
 * an error. Call `inPublic` once the queue's tables are there: they have that schema too.
 */
export async function plantHostileObjects(url: string): Promise<void> {
  await asOwner(url, [
    'CREATE ROLE hostile',
    'CREATE SCHEMA loot; CREATE SEQUENCE loot.calls; GRANT USAGE ON SCHEMA loot TO PUBLIC; GRANT ALL ON SEQUENCE loot.calls TO PUBLIC',
    'CREATE SCHEMA hostile AUTHORIZATION hostile; CREATE SCHEMA behind AUTHORIZATION hostile; GRANT USAGE ON SCHEMA hostile, behind TO PUBLIC',
    'GRANT CREATE, USAGE ON SCHEMA public TO hostile',
    'SET ROLE hostile; SET search_path = pg_catalog',
    ...['hostile', 'behind', 'public'].map(plant),
    ...['hostile', 'behind'].map(plantRelations),
  ]);
}

/** How often one of them was called, whatever became of the call. */
export async function capturedCalls(url: string): Promise<number> {
  const [row] = await asOwner(url, [
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END::int AS calls FROM loot.calls',
  ]);
  return row!['calls'] as number;
}

async function asOwner(url: string, statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('SET search_path = pg_catalog');
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) {
      ({ rows } = await client.query(statement));
    }
    return rows;
  } finally {
    await client.end();
  }
}
