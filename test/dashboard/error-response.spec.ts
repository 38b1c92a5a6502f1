import { ForbiddenException, Logger } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import { BusyError } from '../../lib/cluster/admin/concurrency-limit.js';
import { logFailure, errorResponseOf } from '../../lib/dashboard/error-response.js';
import { InvalidOptionError } from '../../lib/index.js';

const coded = (code: string) => Object.assign(new Error('secret'), { code });
const away = { status: 503, body: { message: 'The database does not answer' } };
const mismatch = {
  status: 503,
  body: { message: "The queue's tables are missing, of another version, or not accessible" },
};
const neutral = {
  status: 500,
  body: { message: "Something went wrong; the application's log says what" },
};

it.each([
  ['a refusal', new ForbiddenException('Not you'), { status: 403, body: { message: 'Not you' } }],
  [
    'a bad value',
    new InvalidOptionError('limit', 0, 'must be more'),
    { status: 400, body: { message: 'limit: must be more, got 0' } },
  ],
  ['a refused connection', coded('ECONNREFUSED'), away],
  ['a server that stops', coded('57P01'), away],
  [
    'a statement that took too long',
    coded('57014'),
    {
      status: 503,
      body: { message: 'It took too long, and was given up; a narrower filter takes less' },
    },
  ],
  [
    'too many who ask',
    new BusyError('the line is full'),
    { status: 503, body: { message: 'Others ask for too much at the moment; try again soon' } },
  ],
  ['too many connections', coded('53300'), away],
  ['a server that stands by', coded('25006'), away],
  ['a connection that broke', new Error('Connection terminated unexpectedly'), away],
  ['a pool that is full', new Error('timeout exceeded when trying to connect'), away],
  ['a missing table', coded('42P01'), mismatch],
  ['a missing privilege', coded('42501'), mismatch],
  ['a bug', new TypeError('secret of the application'), neutral],
  ['a bad value that the server found', coded('22P02'), neutral],
  ['what is no error', 'secret', neutral],
  ['nothing', undefined, neutral],
])('tells of %s', (_, error, response) => {
  expect(errorResponseOf(error)).toEqual(response);
});

it('writes a line and the frames of the stack, whatever is in a message', () => {
  const log = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
  logFailure('GET /x', 500, new Error('a\nERROR [PgQueue] forged\u009b31m\u202e'));
  const [[line, stack]] = log.mock.calls as unknown as [[string, string]];
  expect(line).toBe('GET /x: a ERROR [PgQueue] forged 31m ');
  expect(stack).toMatch(/^ {4}at .*error-response\.spec\.ts/);
  expect(stack).not.toContain('forged');
});
