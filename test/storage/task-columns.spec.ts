import { describe, expect, it } from 'vitest';
import { queueSql } from '../../lib/storage/sql/index.js';
import {
  areAlike,
  CARRIED,
  CLAIMED,
  PUSHED,
  SHARED,
  sharedOf,
  type ClaimedRow,
  toSizedTask,
} from '../../lib/storage/task-columns.js';
import { newDraft } from '../../lib/task/task-draft.js';

const sql = queueSql('public');

describe('the columns that a task carries', () => {
  it.each(['pushOne', 'pushSame', 'push', 'pushKeyed', 'pushReplacing'] as const)(
    'are stored by %s, whoever ends its transaction',
    (name) => {
      for (const statement of [sql[name], sql.autocommit[name]]) {
        const [, stored] = /INSERT INTO [^(]*\(([^)]*)\)/.exec(statement)!;
        expect(stored!.split(', ')).toEqual(expect.arrayContaining(CARRIED.map(({ column }) => column)));
      }
    },
  );

  it('are replaced with the payload of a duplicate', () => {
    for (const { column } of CARRIED) {
      expect(sql.pushReplacing).toContain(`${column} = excluded.${column}`);
    }
  });

  it('are returned by each claim at the positions where they are read', () => {
    const row = [...CLAIMED, 'payload', 'bytes'] as unknown as ClaimedRow;
    const task = toSizedTask(row);
    expect(task).toMatchObject({ id: 'id', externalKey: 'external_key', payload: 'payload', bytes: 'bytes' });
    expect(task).toMatchObject(Object.fromEntries(CARRIED.map(({ column }) => [column, column])));
    for (const statement of [sql.claim, sql.claimExcept, sql.claimSized, sql.claimOnly]) {
      const columns = CLAIMED.slice(CLAIMED.indexOf('attempts_left'));
      expect(statement).toContain(`${columns.join(', ')}, payload)`);
    }
  });

  it('are among the values that all tasks of a statement share', () => {
    const draft = newDraft({ kind: 1, maxAttempts: 2 }, { priority: 3, delayMs: 4 }, null, '{}');
    expect(sharedOf(draft)).toEqual(SHARED.map(({ valueOf }) => valueOf(draft)));
    expect(areAlike(draft, { ...draft, payload: '[]' })).toBe(true);
    for (const field of Object.keys(draft).filter((name) => name !== 'payload' && name !== 'externalKey')) {
      expect(areAlike(draft, { ...draft, [field]: 'other' })).toBe(false);
    }
    expect(SHARED).toHaveLength(Object.keys(draft).length - 2);
  });

  it('are empty in a new draft, and have a parameter each', () => {
    const draft = newDraft({ kind: 1, maxAttempts: 2 }, { priority: 3, delayMs: 4 }, 'key', '{}');
    expect(PUSHED.map(({ valueOf }) => valueOf(draft))).toEqual([
      1,
      3,
      2,
      'key',
      4,
      ...CARRIED.map(() => null),
    ]);
    expect(Object.keys(draft)).toEqual(expect.arrayContaining(CARRIED.map(({ column }) => column)));
  });
});
