import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BackgroundLoop, type BackgroundLoopOptions } from '../../lib/timing/background-loop.js';

type Turn = BackgroundLoopOptions['turn'];

/** A turn that ends when the test says so. */
function heldTurn() {
  const ends: ((pauseMs?: number) => void)[] = [];
  const turn = vi.fn<Turn>(() => new Promise<number | void>((resolve) => void ends.push(resolve)));
  const end = async (pauseMs?: number) => {
    ends.shift()!(pauseMs);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { turn, end };
}

describe('BackgroundLoop', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('runs a turn after each pause', async () => {
    const turn = vi.fn<Turn>(async () => undefined);
    const loop = new BackgroundLoop({ turn, pauseMs: () => 100 });
    loop.start();
    loop.start();
    await vi.advanceTimersByTimeAsync(99);
    expect(turn).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(201);
    expect(turn).toHaveBeenCalledTimes(3);
    await loop.stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(turn).toHaveBeenCalledTimes(3);
  });

  it('takes the first pause of its start, and each other one of the turn before', async () => {
    const turn = vi.fn<Turn>(async () => 1000);
    const loop = new BackgroundLoop({ turn, pauseMs: () => 100 });
    loop.start(5);
    await vi.advanceTimersByTimeAsync(5);
    expect(turn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(999);
    expect(turn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(turn).toHaveBeenCalledTimes(2);
    await loop.stop();
  });

  it('spreads its pauses', async () => {
    const at: number[] = [];
    const loop = new BackgroundLoop({
      turn: async () => void at.push(performance.now()),
      pauseMs: () => 1000,
      spread: 0.1,
    });
    const startedAt = performance.now();
    loop.start();
    await vi.advanceTimersByTimeAsync(100_000);
    await loop.stop();
    const pauses = at.map((moment, index) => moment - (at[index - 1] ?? startedAt));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1100);
    expect(new Set(pauses).size).toBeGreaterThan(20);
  });

  it('never runs two turns at once, and counts its pause from the end of a turn', async () => {
    const { turn, end } = heldTurn();
    const loop = new BackgroundLoop({ turn, pauseMs: () => 100 });
    loop.start();
    await vi.advanceTimersByTimeAsync(1000);
    expect(turn).toHaveBeenCalledTimes(1);
    await end();
    await vi.advanceTimersByTimeAsync(99);
    expect(turn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(turn).toHaveBeenCalledTimes(2);
  });

  it('waits at its stop for the turn that runs, and begins no other', async () => {
    const { turn, end } = heldTurn();
    const loop = new BackgroundLoop({ turn, pauseMs: () => 100 });
    loop.start(0);
    await vi.advanceTimersByTimeAsync(0);
    let isStopped = false;
    const stopping = loop.stop().then(() => (isStopped = true));
    loop.wake();
    await vi.advanceTimersByTimeAsync(1000);
    expect([isStopped, loop.isStopped]).toEqual([false, true]);
    await end();
    await stopping;
    await vi.advanceTimersByTimeAsync(1000);
    expect(turn).toHaveBeenCalledTimes(1);
  });

  it('waits until it is woken, without a pause of its own', async () => {
    const turn = vi.fn<Turn>(async () => undefined);
    const loop = new BackgroundLoop({ turn });
    loop.start();
    await vi.advanceTimersByTimeAsync(2 ** 32);
    expect(turn).toHaveBeenCalledTimes(0);
    loop.wake();
    expect(turn).toHaveBeenCalledTimes(1);
    expect(loop.isRunning).toBe(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(loop.isRunning).toBe(false);
  });

  it('runs one more turn at once, however often it is woken during a turn', async () => {
    const { turn, end } = heldTurn();
    const loop = new BackgroundLoop({ turn });
    loop.wake();
    loop.wake();
    loop.wake();
    expect(turn).toHaveBeenCalledTimes(1);
    await end();
    expect(turn).toHaveBeenCalledTimes(2);
    await end();
    await vi.advanceTimersByTimeAsync(1000);
    expect(turn).toHaveBeenCalledTimes(2);
  });

  it('is not woken once it is stopped', async () => {
    const turn = vi.fn<Turn>(async () => undefined);
    const loop = new BackgroundLoop({ turn });
    await loop.stop();
    loop.wake();
    loop.start(0);
    await vi.advanceTimersByTimeAsync(1000);
    expect(turn).toHaveBeenCalledTimes(0);
  });

  it('runs a turn by hand, which others join, and which replaces the pause', async () => {
    const { turn, end } = heldTurn();
    const loop = new BackgroundLoop({ turn, pauseMs: () => 100 });
    loop.start();
    await vi.advanceTimersByTimeAsync(50);
    const first = loop.runOnce();
    expect(loop.runOnce()).toBe(first);
    await end();
    await first;
    await vi.advanceTimersByTimeAsync(99);
    expect(turn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(turn).toHaveBeenCalledTimes(2);
  });

  it('runs a turn by hand after its stop, and no other after that', async () => {
    const turn = vi.fn<Turn>(async () => 10);
    const loop = new BackgroundLoop({ turn });
    await loop.stop();
    await loop.runOnce();
    await vi.advanceTimersByTimeAsync(1000);
    expect(turn).toHaveBeenCalledTimes(1);
  });

  it('repeats a turn that fails after a backoff, which nothing shortens', async () => {
    const errors: unknown[] = [];
    let fails = true;
    const turn = vi.fn<Turn>(async () => {
      if (fails) {
        throw new Error('no connection');
      }
    });
    const loop = new BackgroundLoop({ turn, pauseMs: () => 60_000, onError: (error) => errors.push(error) });
    loop.start(0);
    await vi.advanceTimersByTimeAsync(0);
    loop.wake();
    expect(turn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(turn.mock.calls.length).toBeGreaterThan(5);
    expect(errors).toHaveLength(turn.mock.calls.length);
    expect(errors[0]).toEqual(new Error('no connection'));
    fails = false;
    await vi.advanceTimersByTimeAsync(5000);
    const calls = turn.mock.calls.length;
    await vi.advanceTimersByTimeAsync(50_000);
    expect(turn).toHaveBeenCalledTimes(calls);
    await loop.stop();
  });

  it('takes a turn that throws at once for one that fails', async () => {
    const onError = vi.fn<(error: unknown) => void>();
    const loop = new BackgroundLoop({
      turn: () => {
        throw new Error('at once');
      },
      onError,
    });
    await loop.runOnce();
    expect(onError).toHaveBeenCalledWith(new Error('at once'));
    expect(loop.isRunning).toBe(false);
    await loop.stop();
  });

  it('does not keep a process alive that it is not to', () => {
    const timer = vi.spyOn(globalThis, 'setTimeout');
    new BackgroundLoop({ turn: async () => undefined, keepsAlive: false }).start(10);
    new BackgroundLoop({ turn: async () => undefined }).start(10);
    expect(timer.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false, true]);
  });

  it('runs its turns in the context in which it was made, whoever starts and wakes it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const loop = storage.run('maker', () => {
      return new BackgroundLoop({
        turn: async () => {
          seen.push(storage.getStore());
          storage.enterWith('turn');
        },
        pauseMs: () => 10,
      });
    });
    storage.run('starter', () => loop.start());
    await vi.advanceTimersByTimeAsync(20);
    storage.run('waker', () => loop.wake());
    await storage.run('caller', () => loop.runOnce());
    await loop.stop();
    expect(seen).toEqual(['maker', 'maker', 'maker']);
    expect(storage.getStore()).toBeUndefined();
  });

  it('runs its turns in the context that its maker names', async () => {
    const storage = new AsyncLocalStorage<string>();
    const turn = vi.fn<Turn>(async () => expect(storage.getStore()).toBe('named'));
    const loop = new BackgroundLoop({
      turn,
      onError: (error) => expect.fail(String(error)),
      inContext: (work) => storage.run('named', work),
    });
    loop.start(1);
    await vi.advanceTimersByTimeAsync(1);
    await loop.runOnce();
    expect(turn).toHaveBeenCalledTimes(2);
  });
});
