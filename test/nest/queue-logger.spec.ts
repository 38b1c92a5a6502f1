import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueLogger } from '../../lib/nest/queue-logger.js';
import type { QueueEvent } from '../../lib/events/queue-events.js';

let lines: [level: string, line: string][] = [];

beforeEach(() => {
  lines = [];
  const write = (level: string) => (line: string) => void lines.push([level, line]);
  Logger.overrideLogger({ log: write('log'), warn: write('warn'), error: write('error') });
});

afterEach(() => Logger.overrideLogger(false));

function settled(event: Partial<Extract<QueueEvent, { type: 'attempt-settled' }>> = {}): QueueEvent {
  const usual = { id: '5', attempt: 2, as: 'failed', exhausted: false, durationMs: 1 } as const;
  return { type: 'attempt-settled', shard: 'default', kind: 7, name: 'mail', ...usual, ...event };
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('QueueLogger', () => {
  it('tells of a failed attempt, and louder of the last', () => {
    const { onEvent } = new QueueLogger();
    onEvent(settled({ error: new Error('went wrong') }));
    new QueueLogger().onEvent(settled({ error: new Error('went wrong'), exhausted: true }));
    expect(lines).toEqual([
      ['warn', 'mail: task 5, attempt 2 failed: went wrong'],
      ['error', 'mail: task 5, attempt 2 failed: went wrong; no attempts are left'],
    ]);
  });

  it('tells of the last attempt however many others fail, and whatever it is thrown for', () => {
    const { onEvent } = new QueueLogger();
    onEvent(settled({ error: new Error('went wrong') }));
    onEvent(settled({ error: new Error('closed at night'), as: 'ignored', exhausted: true }));
    expect(lines.at(-1)).toEqual([
      'error',
      'mail: task 5, attempt 2 failed: closed at night; no attempts are left',
    ]);
    expect(lines).toHaveLength(2);
  });

  it('tells which tasks of a lost process will not run again', () => {
    const { onEvent } = new QueueLogger();
    const lost = { type: 'tasks-rescued', shard: 'default', kind: 7, name: 'mail', worker: 'w' } as const;
    onEvent({ ...lost, count: 3, exhausted: 0 });
    onEvent({ ...lost, count: 3, exhausted: 2 });
    expect(lines.map(([, line]) => line)).toEqual([
      'mail: rescued 3 tasks of lost worker w',
      'mail: rescued 3 tasks of lost worker w; 2 of them have no attempts left',
    ]);
  });

  it('tells that a kind was paused and resumed', () => {
    const { onEvent } = new QueueLogger();
    onEvent({ type: 'kind-paused', shard: 'default', kind: 7, name: 'mail' });
    onEvent({ type: 'kind-resumed', shard: 'default', kind: 7, name: 'mail' });
    expect(lines).toEqual([
      ['warn', 'mail: paused in the whole cluster'],
      ['log', 'mail: resumed'],
    ]);
  });

  it('H31: writes one line, whatever is in a name or a message', () => {
    const text = 'a\nERROR [PgQueue] forged\r\n\u001b[31mred\u0007\u0085b\u2028\u202e\u200b\u{e0041}c';
    const { onEvent } = new QueueLogger();
    onEvent(settled({ name: text, error: new Error(text) }));
    onEvent({ type: 'started', kinds: [{ kind: 7, name: text, workerCount: 1 }] });
    onEvent({
      type: 'tasks-rescued',
      shard: 'default',
      kind: 7,
      name: text,
      worker: text,
      count: 1,
      exhausted: 0,
    });
    expect(lines).toHaveLength(3);
    for (const [, line] of lines) {
      expect(line).toContain('a ERROR [PgQueue] forged [31mred b c');
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    }
  });

  it('tells of whatever was thrown', () => {
    const thrown = [undefined, null, '', 0, revokedProxy(), { code: 5 }];
    thrown.forEach((error, kind) => new QueueLogger().onEvent(settled({ kind, error })));
    const line: unknown = expect.stringMatching(/^mail: task 5, attempt 2 failed: /);
    expect(lines).toEqual(thrown.map(() => ['warn', line]));
  });

  it('writes a long message shortened, and the state of an SQL error', () => {
    const error = Object.assign(new Error('x'.repeat(10_000)), { code: '23505' });
    new QueueLogger().onEvent(settled({ error }));
    expect(lines[0]![1].length).toBeLessThan(600);
    expect(lines[0]![1]).toMatch(/x \(23505\)$/);
  });

  it('writes one of many failures of a kind, and those of another kind', () => {
    const { onEvent } = new QueueLogger();
    for (let n = 0; n < 1000; n++) {
      onEvent(settled({ error: new Error('went wrong') }));
    }
    onEvent(settled({ kind: 8, name: 'other', error: new Error('went wrong') }));
    expect(lines.map(([, line]) => line)).toEqual([
      'mail: task 5, attempt 2 failed: went wrong',
      'other: task 5, attempt 2 failed: went wrong',
    ]);
  });

  it('tells who has done what, each time, and no part of a payload', () => {
    const { onEvent } = new QueueLogger();
    const record = {
      type: 'action-taken',
      action: 'retry',
      by: 'jane',
      via: 'admin',
      filter: { kind: [7], status: ['no_attempts_left'], text: 'secret' },
      limit: 1000,
      attempts: null,
      count: 12,
      kinds: [{ kind: 7, name: 'mail', count: 12 }],
      more: false,
    } as const;
    onEvent(record);
    onEvent({ ...record, by: null, count: 1, more: true, error: new Error('went wrong') });
    onEvent({ ...record, action: 'pause', filter: { kind: [7] }, limit: null, count: 0 });
    onEvent({ ...record, filter: { id: Array.from({ length: 25 }, (_, n) => String(n)) }, attempts: 3 });
    const what = 'kind 7, status no_attempts_left, text of 6 characters, limit 1000';
    expect(lines).toEqual([
      ['log', `retry by jane (admin): changed 12 tasks; ${what}`],
      ['warn', `retry by nobody named (admin): changed 1 task, limit reached; ${what}; failed: went wrong`],
      ['log', 'pause by jane (admin): mail (it was so already); kind 7'],
      ['log', expect.stringMatching(/; id 0 1 .* 19 and 5 more, limit 1000, attempts 3$/)],
    ]);
  });

  it('says nothing of what is usual', () => {
    const { onEvent } = new QueueLogger();
    for (const as of ['succeeded', 'cancelled', 'ignored', 'snoozed', 'released'] as const) {
      onEvent(settled({ as }));
    }
    onEvent({ type: 'claimed', shard: 'default', count: 5, durationMs: 1, restMs: 0 });
    onEvent({ type: 'saturated', shard: 'default' });
    expect(lines).toEqual([]);
  });
});
