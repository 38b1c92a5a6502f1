import { describe, expect, it } from 'vitest';
import { timelineOf } from '../../lib/inspect/timeline.js';

const createdAt = new Date('2026-01-01');
const runAt = new Date('2026-01-02');
const finishedAt = new Date('2026-01-03');

const TASK = {
  id: '5',
  kind: 1,
  status: 'must_retry',
  priority: 5,
  externalKey: null,
  attemptsElapsed: 3,
  attemptsLeft: 1,
  createdAt,
  runAt,
  finishedAt: null,
  payloadPreview: '1',
  lastError: 'third',
  worker: null,
} as const;

describe('timelineOf', () => {
  it('tells what the row keeps of the attempts, and how many it does not', () => {
    expect(timelineOf(TASK, ['third'], null)).toEqual([
      { event: 'pushed', at: createdAt, text: 'pushed' },
      { event: 'failed', at: null, text: '2 earlier attempts, whose messages are not kept' },
      { event: 'failed', at: null, text: 'third' },
      { event: 'due', at: runAt, text: 'attempt 4 is due' },
    ]);
  });

  it('counts no failure that was none', () => {
    expect(timelineOf({ ...TASK, status: 'succeeded', attemptsElapsed: 2 }, ['first'], null)).toMatchObject([
      { event: 'pushed' },
      { event: 'failed', text: 'first' },
      { event: 'finished' },
    ]);
  });

  it('ends with the running attempt, or with the end', () => {
    const last = (changes: object) => timelineOf({ ...TASK, ...changes }, [], finishedAt).at(-1);
    expect(last({ status: 'processing', worker: 'w' })).toEqual({
      event: 'started',
      at: finishedAt,
      text: 'attempt 3, by w',
    });
    expect(last({ status: 'processing' })!.text).toBe('attempt 3, by a worker process that is gone');
    expect(last({ status: 'succeeded', finishedAt })).toEqual({
      event: 'finished',
      at: finishedAt,
      text: 'succeeded',
    });
    expect(last({ status: 'no_attempts_left', finishedAt })!.text).toBe('used up its last attempt');
  });
});
