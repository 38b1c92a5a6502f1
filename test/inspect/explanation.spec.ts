import { describe, expect, it } from 'vitest';
import { explain, type TaskFacts } from '../../lib/inspect/explanation.js';

const now = new Date('2026-01-01T12:00:00Z');
const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);

const FACTS: TaskFacts = {
  now,
  id: '5',
  name: 'mail',
  status: 'new',
  attemptsElapsed: 1,
  runAt: at(-1),
  finishedAt: null,
  lastError: null,
  lease: null,
  refusal: null,
  pausedAt: null,
  processes: [{ capacity: 2, fullSince: null }],
  before: 0,
  beforeIsAtLeast: false,
};

const reasonOf = (facts: Partial<TaskFacts>) => explain({ ...FACTS, ...facts }).reason;

describe('explain', () => {
  it('answers with what the task itself says before what its kind and its workers say', () => {
    const all: Partial<TaskFacts> = {
      status: 'succeeded',
      lease: { worker: 'w', silentMs: 0, lost: false, startedAt: null, unreportedAfter: null },
      runAt: at(60),
      pausedAt: at(-60),
      processes: [],
    };
    expect(reasonOf(all)).toBe('finished');
    expect(reasonOf({ ...all, status: 'no_attempts_left' })).toBe('no-attempts-left');
    expect(reasonOf({ ...all, status: 'processing' })).toBe('running');
    expect(reasonOf({ ...all, status: 'new', lease: null })).toBe('not-due');
    expect(reasonOf({ ...all, status: 'new', lease: null, runAt: at(-1) })).toBe('kind-paused');
    expect(reasonOf({ processes: [] })).toBe('no-worker');
  });

  it('says that slots are busy only when no process has a free one, since the last became full', () => {
    const full = { capacity: 2, fullSince: at(-60) };
    const fuller = { capacity: 3, fullSince: at(-30) };
    const free = { capacity: 1, fullSince: null };
    const none = { capacity: 0, fullSince: null };
    expect(reasonOf({ processes: [full, free] })).toBe('next-in-line');
    expect(reasonOf({ processes: [none, none] })).toBe('no-slots');
    expect(explain({ ...FACTS, processes: [full, fuller, none] })).toMatchObject({
      reason: 'slots-busy',
      slots: 5,
      processes: 3,
      since: at(-30),
    });
  });

  it('says when a task is due, and what else stands in its way', () => {
    const text = 'Task 5 (mail) is not due until 2026-01-01T12:00:01.500Z, in 1.5 s';
    expect(explain({ ...FACTS, runAt: at(1.5) })).toMatchObject({ besides: null, text: `${text}.` });
    expect(explain({ ...FACTS, runAt: at(1.5), pausedAt: now })).toMatchObject({
      besides: 'kind-paused',
      text: `${text}; its kind is paused, too.`,
    });
  });

  it('counts in good English', () => {
    expect(explain({ ...FACTS, before: 1 }).text).toContain(
      'free slots in 1 process; 1 due task goes before it.',
    );
    expect(explain({ ...FACTS, before: 1000, beforeIsAtLeast: true }).text).toContain(
      'at least 1000 due tasks go before it.',
    );
  });
});
