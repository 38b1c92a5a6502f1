import { describe, expect, it } from 'vitest';
import { failed, outcomeOf } from '../../lib/task/outcome.js';
import {
  InvalidOptionError,
  LeaseLostError,
  MustCancelTaskError,
  MustIgnoreTaskError,
  SnoozeTaskError,
  TaskTimeoutError,
} from '../../lib/errors/pg-queue.errors.js';

class OutOfStock extends MustCancelTaskError {}

describe('outcomeOf', () => {
  it('cancels for MustCancelTaskError and what extends it, with the reason', () => {
    expect(outcomeOf(new MustCancelTaskError('no such user'))).toEqual({
      type: 'cancelled',
      message: 'no such user',
    });
    expect(outcomeOf(new OutOfStock('sold out', { cause: new Error('item 5') }))).toEqual({
      type: 'cancelled',
      message: 'sold out\ncaused by: item 5',
    });
  });

  it('fails as ignored for MustIgnoreTaskError', () => {
    const error = new MustIgnoreTaskError('too early');
    expect(outcomeOf(error)).toEqual({ type: 'failed', ignored: true, message: 'too early', error });
  });

  it.each([
    [0, 0],
    ['5m', 300_000],
    ['60 days', 5_184_000_000],
    [1.5, 1.5],
  ])('snoozes for a SnoozeTaskError of %o', (delay, delayMs) => {
    expect(outcomeOf(new SnoozeTaskError(delay))).toEqual({ type: 'snoozed', delayMs });
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 'soon', '', '200 years', undefined, null, {}, 5n])(
    'fails for a SnoozeTaskError of %o, so that the mistake is seen',
    (delay) => {
      const outcome = outcomeOf(new SnoozeTaskError(delay as never));
      expect(outcome).toMatchObject({ type: 'failed', ignored: false });
      expect(outcome).toHaveProperty('error', expect.any(InvalidOptionError));
      expect(outcome).toHaveProperty('message', expect.stringMatching(/^SnoozeTaskError delay: must be /));
    },
  );

  it.each([
    new Error('went wrong'),
    new TaskTimeoutError(5),
    new LeaseLostError('gone'),
    'text',
    undefined,
    null,
    0,
    { message: 'an object' },
    { code: 'PGQUEUE_MUST_CANCEL', message: 'looks like one' },
    Object.freeze(new Error('frozen')),
  ])('fails for %o', (thrown) => {
    expect(outcomeOf(thrown)).toEqual({
      type: 'failed',
      ignored: false,
      message: expect.any(String),
      error: thrown,
    });
  });

  it('fails for a proxy that can not even be asked what it is', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const outcome = outcomeOf(proxy);
    expect(outcome).toMatchObject({ type: 'failed', ignored: false, message: 'an error that has no text' });
  });
});

describe('failed', () => {
  it('keeps the error for those who observe', () => {
    const error = new TaskTimeoutError(1000);
    expect(failed(error)).toEqual({
      type: 'failed',
      ignored: false,
      message: 'timed out after 1000 ms',
      error,
    });
  });
});
