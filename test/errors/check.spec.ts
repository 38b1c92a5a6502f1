import { describe, expect, it } from 'vitest';
import {
  check,
  checkCount,
  checkInteger,
  checkOptionNames,
  checkText,
  isObject,
} from '../../lib/errors/check.js';
import { InvalidOptionError, InvalidTaskError } from '../../lib/errors/pg-queue.errors.js';

describe('checks of options', () => {
  it('name the field, the problem and the value', () => {
    expect(() => check(true, 'schema', 1, 'must be a string')).not.toThrow();
    expect(() => check('', 'schema', 1, 'must be a string')).toThrow(
      new InvalidOptionError('schema', 1, 'must be a string'),
    );
  });

  it('refuse the first option that is not known', () => {
    expect(() => checkOptionNames({ limit: 1 }, ['limit'], 'a page')).not.toThrow();
    expect(() => checkOptionNames({ limit: 1, offset: 2, odd: 3 }, ['limit'], 'a page')).toThrow(
      'offset: is not an option of a page, got 2',
    );
    expect(() => checkOptionNames({ odd: undefined }, [], 'shards', 'shards.')).toThrow(
      'shards.odd: is not an option of shards, got undefined',
    );
  });

  it.each([0, 11, 1.5, Number.NaN, '3', null])(
    'refuse %j where an integer from 1 to 10 is meant',
    (value) => {
      expect(() => checkCount('limit', value, 10)).toThrow('limit: must be an integer from 1 to 10');
    },
  );

  it('accept both ends of a range of integers', () => {
    expect(() => checkInteger('priority', 0, 0, 9)).not.toThrow();
    expect(() => checkInteger('priority', 9, 0, 9)).not.toThrow();
  });

  it('throw the error that the caller names', () => {
    expect(() => checkInteger('priority', 10, 0, 9, InvalidTaskError)).toThrow(InvalidTaskError);
  });

  it.each(['', 'four', 'a\0', 3, undefined])(
    'refuse %j where a text of up to 3 characters is meant',
    (value) => {
      expect(() => checkText('name', value, 3)).toThrow('name: must be a string of 1 to 3 characters');
    },
  );

  it('accept a text that is as long as allowed', () => {
    expect(() => checkText('name', 'abc', 3)).not.toThrow();
  });

  it('take objects for options, and no arrays', () => {
    expect([{}, new Map(), [], null, 'text', () => undefined].map(isObject)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
