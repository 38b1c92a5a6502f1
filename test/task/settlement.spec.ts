import { describe, expect, it, vi } from 'vitest';
import { noJitter } from '../../lib/task/backoff.js';
import {
  type KindOptions,
  resolveKindOptions,
  type RunnableKindOptions,
} from '../../lib/task/kind-options.js';
import { failed, type Outcome, RELEASED, SUCCEEDED } from '../../lib/task/outcome.js';
import { keepsTerminal, settlementOf } from '../../lib/task/settlement.js';
import { InvalidOptionError } from '../../lib/errors/pg-queue.errors.js';

const ref = { id: 5, claimId: 2 };
const CANCELLED: Outcome = { type: 'cancelled', message: 'the reason' };

function optionsOf(options: KindOptions = {}): RunnableKindOptions {
  return resolveKindOptions(7, {
    name: 'mail',
    attemptTimeout: '1s',
    backoff: noJitter('1m'),
    ...options,
  }) as RunnableKindOptions;
}

function refuse(error: unknown): never {
  throw error;
}

function settle(outcome: Outcome, options: KindOptions = {}) {
  const onInvalid = vi.fn<(error: unknown) => void>();
  return {
    settlement: settlementOf({ ...ref, number: 3 }, outcome, optionsOf(options), onInvalid),
    onInvalid,
  };
}

describe('settlementOf', () => {
  it('keeps a terminal task as long as its TTL', () => {
    expect(settle(SUCCEEDED).settlement).toEqual({
      ...ref,
      write: 'finish',
      status: 'succeeded',
      message: null,
      keep: 1,
    });
    expect(settle(CANCELLED).settlement).toEqual({
      ...ref,
      write: 'finish',
      status: 'cancelled',
      message: 'the reason',
      keep: 1,
    });
  });

  it.each([SUCCEEDED, CANCELLED])('deletes at a TTL of 0: $type', (outcome) => {
    expect(settle(outcome, { terminalTasksTtl: 0 }).settlement).toEqual({ ...ref, write: 'delete' });
  });

  it('keeps the reason of a cancel even when no error messages are kept', () => {
    expect(settle(CANCELLED, { maxTaskErrorMessages: 0 }).settlement).toMatchObject({ keep: 1 });
    expect(settle(CANCELLED, { maxTaskErrorMessages: 4 }).settlement).toMatchObject({ keep: 4 });
  });

  it('reopens a failed task after the backoff of its attempt, counted from 0', () => {
    const backoff = vi.fn<(attempt: number) => string>(() => '3s');
    const { settlement } = settle(failed(new Error('went wrong')), { backoff, maxTaskErrorMessages: 4 });
    expect(settlement).toEqual({
      ...ref,
      write: 'reopen',
      delayMs: 3000,
      back: false,
      message: 'went wrong',
      keep: 4,
    });
    expect(backoff.mock.calls).toEqual([[2]]);
  });

  it('gives the attempt of a snooze back, and writes no message', () => {
    expect(settle({ type: 'snoozed', delayMs: 70 }).settlement).toEqual({
      ...ref,
      write: 'reopen',
      delayMs: 70,
      back: true,
      message: null,
      keep: 1,
    });
  });

  it('gives a released attempt back at once', () => {
    expect(settle(RELEASED).settlement).toEqual({
      ...ref,
      write: 'reopen',
      delayMs: 0,
      back: true,
      message: null,
      keep: 1,
    });
  });

  it.each([
    ['NaN', () => Number.NaN],
    ['a negative number', () => -5],
    ['Infinity', () => Number.POSITIVE_INFINITY],
    ['undefined', () => undefined],
    ['a promise', async () => 5],
    ['no duration', () => 'soon'],
    ['200 years', () => '200 years'],
    [
      'an error',
      () => {
        throw new Error('backoff failed');
      },
    ],
  ])('waits a minute when the backoff gives %s, and tells', (_, backoff) => {
    const { settlement, onInvalid } = settle(failed('oops'), { backoff: backoff as never });
    expect(settlement).toMatchObject({ write: 'reopen', delayMs: 60_000, back: false, message: 'oops' });
    expect(onInvalid).toHaveBeenCalledTimes(1);
  });

  it('names kind, option, attempt and value of a wrong backoff', () => {
    const { onInvalid } = settle(failed('oops'), { backoff: () => -5 });
    const [error] = onInvalid.mock.calls[0]!;
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toMatch(/^kind 7 "mail": backoff\(2\): must be .*, got -5$/);
  });
});

describe('keepsTerminal', () => {
  it('reads a live TTL each time', () => {
    let ttl = 0;
    const options = optionsOf({ terminalTasksTtl: () => ttl });
    expect(keepsTerminal(options, refuse)).toBe(false);
    ttl = 1;
    expect(keepsTerminal(options, refuse)).toBe(true);
  });

  it('deletes nothing while the live TTL fails, and tells', () => {
    let ttl: unknown = 0;
    const options = optionsOf({ terminalTasksTtl: () => ttl as number });
    ttl = Number.NaN;
    const onInvalid = vi.fn<(error: unknown) => void>();
    expect(keepsTerminal(options, onInvalid)).toBe(true);
    expect(onInvalid).toHaveBeenCalledTimes(1);
  });
});
