import { describe, expect, it } from 'vitest';
import { findSql } from '../../scripts/check-sql.mjs';

describe('check-sql', () => {
  it.each([
    ['a string', `query('SELECT 1')`, 'SELECT'],
    ['a template', 'query(`\n  INSERT INTO ${table} VALUES (1)`)', 'INSERT INTO'],
    ['the end of a template', 'query(`${prefix} DELETE FROM x`)', 'DELETE FROM'],
    ['a command', `client.query('LISTEN bell')`, 'LISTEN'],
  ])('finds SQL in %s', (_, code, keyword) => {
    expect(findSql('a.ts', `\n${code}`)).toEqual([expect.stringContaining(`a.ts:2: ${keyword} in a string`)]);
  });

  it.each([
    ['comments', `/** SELECT 1 */ // 'UPDATE x'`],
    ['names', `enum Event { UPDATE, CREATE }`],
    ['prose', `const text = 'Update the schema, or select another; lost the LISTEN connection';`],
  ])('lets %s be', (_, code) => {
    expect(findSql('a.ts', code)).toEqual([]);
  });
});
