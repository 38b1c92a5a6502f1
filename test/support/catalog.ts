import pg from 'pg';

/** All that a schema holds of the queue, in words. */
export async function describeSchema(connectionString: string, schema: string): Promise<string[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(CATALOG, [schema]);
    const name = pg.escapeIdentifier(schema);
    return rows.map(({ line }) => line.replaceAll(`${name}.`, '').replaceAll(`${schema}.`, ''));
  } finally {
    await client.end();
  }
}

const CATALOG = `
WITH relation AS (
  SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname LIKE 'pgqueue%'
)
SELECT format('%s %s %s %s', relkind, relname, reloptions, obj_description(oid, 'pg_class')) AS line FROM relation
UNION ALL
SELECT format('column %s.%s %s %s %s %s', r.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
              pg_get_expr(d.adbin, d.adrelid))
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind = 'r' AND a.attnum > 0
UNION ALL
SELECT pg_get_indexdef(r.oid) FROM relation r WHERE r.relkind = 'i'
UNION ALL
SELECT format('constraint %s %s', conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
UNION ALL
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1
UNION ALL
SELECT format('enum %s %s', t.typname, (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typtype = 'e'
UNION ALL
SELECT format('domain %s %s %s', t.typname, format_type(t.typbasetype, NULL), (SELECT string_agg(pg_get_constraintdef(c.oid), ',') FROM pg_constraint c WHERE c.contypid = t.oid))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typtype = 'd'
ORDER BY line`;
