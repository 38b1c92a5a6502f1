import { describe, expect, it } from 'vitest';
import { qualified } from '../../lib/storage/sql/qualified.js';

describe('a statement for the path of others', () => {
  it.each([
    [
      'a + b * c = d - 1',
      '(a OPERATOR(pg_catalog.+) (b OPERATOR(pg_catalog.*) c)) OPERATOR(pg_catalog.=) (d OPERATOR(pg_catalog.-) 1)',
    ],
    ['a - b - c', 'a OPERATOR(pg_catalog.-) b OPERATOR(pg_catalog.-) c'],
    ['a = b IS NULL AND NOT c', 'a OPERATOR(pg_catalog.=) b IS NULL AND NOT c'],
    ["s IN ('x', 'y')", "s OPERATOR(pg_catalog.=) ANY ('{x,y}')"],
    ['s NOT IN (SELECT t FROM u)', 's OPERATOR(pg_catalog.<>) ALL (SELECT t FROM u)'],
    [
      'UPDATE "s"."t" t SET a = b, c = (d = e) WHERE f = 1',
      'UPDATE "s"."t" t SET a = b, c = (d OPERATOR(pg_catalog.=) e) WHERE f OPERATOR(pg_catalog.=) 1',
    ],
    [
      'CASE WHEN a = b THEN 1 END + 1',
      'CASE WHEN a OPERATOR(pg_catalog.=) b THEN 1 END OPERATOR(pg_catalog.+) 1',
    ],
    [
      'SELECT count(*), q.*, -1 FROM unnest($1::text[]) AS u(a)',
      'SELECT pg_catalog.count(*), q.*, -1 FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(a)',
    ],
    ["coalesce(a, 'now() = 1')::bigint", "coalesce(a, 'now() = 1')::bigint"],
  ])('names the schema of all that it uses: %s', (sql, expected) => {
    expect(qualified(sql)).toBe(expected);
  });

  it.each([
    'a IS DISTINCT FROM b',
    'CASE a WHEN b THEN 1 END',
    'nullif(a, b)',
    "a LIKE 'b'",
    'a BETWEEN 1 AND 2',
    'SELECT a FROM b JOIN c USING (d)',
    'SELECT a FROM pg_class',
    '-a',
    "timestamptz '2020-01-01'",
    'SELECT "now"()',
    "s IN ('it''s')",
    'DO $$ $$',
  ])('is refused where that can not be said: %s', (sql) => {
    expect(() => qualified(sql)).toThrow("can't tell of which schema");
  });
});
