import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { newKind, until } from '../support/index.js';
import { createQueueApp } from '../support/queue-app.js';
import { createTestDatabase } from '../support/test-database.js';

const PAGE = readFileSync('docs/reliability.md', 'utf8');
const SCENARIOS = Array.from({ length: 55 }, (_, n) => n + 1);

/** A file, and the names of tests in it, in quotation marks. */
const REFERENCE = /`(test\/[\w/-]+\.spec\.ts)`((?:,?\s+“[^”]+”)*)/g;

describe('docs/reliability.md', () => {
  it('names tests that exist', () => {
    const references = referencesIn(PAGE);
    expect(references.length).toBeGreaterThan(60);
    expect(references.map(({ file }) => file).filter((file) => !existsSync(file))).toEqual([]);
    const named = references.flatMap(({ file, names }) => names.map((name) => ({ file, name })));
    expect(named.filter((one) => !isTested(one))).toEqual([]);
  });

  it('has every scenario, with a test that carries its number or the reason why there is none', () => {
    expect(rows.map(({ number }) => number)).toEqual(SCENARIOS.map((n) => `H${n}`));
    for (const { number, tests, left } of rows) {
      const carries = new RegExp(`['"\`][^'"\`\\n]*\\b${number}\\b`);
      const carriers = referencesIn(tests).filter(({ file }) => carries.test(readFileSync(file, 'utf8')));
      expect({ number, carriers: carriers.length, left }).toSatisfy(
        (row: { carriers: number; left: string }) => row.carriers > 0 || row.left !== '',
      );
    }
  });
});

it('docs/examples/blockers.sql shows who waits, and for whom', async () => {
  const database = await createTestDatabase();
  const app = await createQueueApp({ url: database.url, options: { autoStart: false } });
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const runner = app.dataSource.createQueryRunner();
  await runner.startTransaction();
  await runner.query('LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE');
  const [{ pid }] = await runner.query('SELECT pg_backend_pid() AS pid');
  // Other tests wait for each other on the same server.
  const waiting = async () => {
    const { rows: all } = await admin.query(readFileSync('docs/examples/blockers.sql', 'utf8'));
    return all.filter((row) => row.blocked_by === pid);
  };
  const pushed = app.queue.pushTask({ kind: newKind(), payload: 0 });
  await until(async () => (await waiting()).length === 1);
  expect((await waiting())[0]).toMatchObject({
    waits: expect.stringContaining('INSERT INTO'),
    blocked_by: pid,
    state: 'idle in transaction',
    last_statement: expect.stringContaining('pg_backend_pid'),
  });
  await runner.rollbackTransaction();
  await runner.release();
  await pushed;
  expect(await waiting()).toEqual([]);
  await admin.end();
  await app.close();
  await database.drop();
});

function referencesIn(text: string): { file: string; names: string[] }[] {
  return [...text.matchAll(REFERENCE)].map(([, file, quoted]) => ({
    file: file!,
    names: [...quoted!.matchAll(/“([^”]+)”/g)].map(([, name]) => name!.replaceAll(/\s+/g, ' ')),
  }));
}

/** Whether a test or a group of tests is named so; an ellipsis stands for whatever the test puts there. */
function isTested({ file, name }: { file: string; name: string }): boolean {
  const escaped = name.split(/\s*…\s*/).map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  const titled = new RegExp(`['"\`]${escaped.join('[^\\n]*')}['"\`]`);
  return titled.test(readFileSync(file, 'utf8').replaceAll("\\'", "'"));
}

const rows = PAGE.split('\n')
  .filter((line) => /^\| H\d+ \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, number, , tests, left]) => ({ number: number!, tests: tests!, left: left! }));
