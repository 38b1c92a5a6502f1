import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { MustCancelTaskError, QueueService, ShutdownError, SnoozeTaskError } from 'nestjs-pgqueue';
import { Kinds } from './kinds.mjs';
import { injected } from './nest.mjs';

/** @typedef {import('nestjs-pgqueue').Task<import('./kinds.mjs').Payload>} Task */
/** @typedef {{ query(sql: string, values?: unknown[]): Promise<unknown> }} Runner */

/** @param {Task} task */
function duration({ attempt, payload: { ms = 0, times = Infinity, thenMs = 0 } }) {
  return attempt <= times ? ms : thenMs;
}

/** What handlers do in the worker processes; every method named by a payload's `do` is one behaviour. */
export class Behaviours {
  active = 0;
  maxActive = 0;
  /** Names each body that ran in this process. */
  #bodies = 0;
  /** @type {WeakMap<Task, number>} */
  #bodyOf = new WeakMap();
  /** @type {(event: Record<string, unknown>) => void} */
  tell = () => undefined;

  /**
   * @param {import('typeorm').DataSource} dataSource
   * @param {QueueService} queue
   */
  constructor(dataSource, queue) {
    this.dataSource = dataSource;
    this.queue = queue;
    /** Tells the runs of one pid apart, which the operating system may give out again. */
    this.run = `${process.pid}-${Date.now()}`;
  }

  /** @param {Task} task */
  async behave(task) {
    const { do: does, times = Infinity, life = null } = task.payload;
    const body = ++this.#bodies;
    this.#bodyOf.set(task, body);
    this.active++;
    this.maxActive = Math.max(this.maxActive, this.active);
    this.tell({ type: 'start', id: task.id, kind: task.kind, attempt: task.attempt, body, life });
    task.signal.addEventListener('abort', () =>
      this.tell({
        type: 'aborted',
        id: task.id,
        attempt: task.attempt,
        body,
        reason: task.signal.reason.name,
      }),
    );
    try {
      if (does === 'quiet') return await this.quiet(task);
      await this.dataSource.query(
        'INSERT INTO starts (task_id, attempt, run, pid, life) VALUES ($1, $2, $3, $4, $5)',
        [task.id, task.attempt, this.run, process.pid, life],
      );
      const method = task.attempt <= times ? does : 'ok';
      await /** @type {any} */ (this)[method](task);
    } finally {
      this.active--;
      this.tell({ type: 'end', body });
    }
  }

  /**
   * @param {Task} task
   * @param {string} outcome
   * @param {Runner} [runner]
   * @param {number | null} [guard]
   */
  async effect(task, outcome, runner = this.dataSource, guard = null) {
    await runner.query(
      'INSERT INTO effects (task_id, attempt, run, outcome, guard, life) VALUES ($1, $2, $3, $4, $5, $6)',
      [task.id, task.attempt, this.run, outcome, guard, task.payload.life ?? null],
    );
  }

  /** Touches no database. @param {Task} task */
  async quiet(task) {
    await pause(duration(task));
  }

  /** @param {Task} task */
  async ok(task) {
    await pause(duration(task));
    await this.effect(task, 'ok');
  }

  /** Gives up as soon as its signal is aborted. @param {Task} task */
  async heed(task) {
    await pause(duration(task), undefined, { signal: task.signal }).catch(async () => {
      if (task.signal.reason instanceof ShutdownError) await this.effect(task, 'given-back');
      throw task.signal.reason;
    });
    await this.effect(task, 'ok');
  }

  /** @param {Task} task */
  async effectFirst(task) {
    await this.effect(task, 'ok');
    await pause(duration(task));
  }

  /** @param {Task} task */
  async throws(task) {
    await pause(duration(task));
    await this.effect(task, 'threw');
    throw new Error(`attempt ${task.attempt} of task ${task.id} was told to throw`);
  }

  /** @param {Task} task */
  async cancels(task) {
    await this.effect(task, 'cancelled');
    throw new MustCancelTaskError('told to cancel');
  }

  /** Fails more often than not, whatever the attempt. @param {Task} task */
  async fails(task) {
    await pause(duration(task));
    if (Math.random() < 0.7) throw new Error(`task ${task.id} was told to fail`);
    await this.effect(task, 'ok');
  }

  /** Is put off a few times; none of that uses an attempt. @param {Task} task */
  async snoozes(task) {
    if (Math.random() < 0.6) {
      await this.effect(task, 'given-back');
      throw new SnoozeTaskError(duration(task));
    }
    await this.effect(task, 'ok');
  }

  /** Its effect and its outcome commit together. @param {Task} task */
  async completes(task) {
    await pause(duration(task));
    await this.dataSource.transaction(async (manager) => {
      await this.effect(task, 'completed', manager);
      // From here on another may have the task, when its key is pushed again.
      this.tell({ type: 'completing', body: this.#bodyOf.get(task) });
      await task.completeIn(manager);
    });
  }

  /** Its transaction fails at the commit, after the task was settled in it. @param {Task} task */
  async completesInVain(task) {
    await this.dataSource.transaction(async (manager) => {
      await task.completeIn(manager);
      await this.effect(task, 'completed', manager, -1);
    });
  }

  /** @param {Task} task */
  async hang(task) {
    await new Promise(() => undefined);
    await this.effect(task, 'ok');
  }

  /** @param {Task} task */
  async dies(task) {
    await pause(duration(task));
    process.kill(process.pid, 'SIGKILL');
    await pause(60_000);
  }

  /** Throws where nobody can catch it: in a callback that it left behind. @param {Task} task */
  async throwsOutside(task) {
    process.nextTick(() => {
      throw new Error(`task ${task.id} throws outside of its handler`);
    });
    await pause(60_000);
  }

  /** Holds one connection of the application's pool and asks for another, as code that mixes managers does. @param {Task} task */
  async nests(task) {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1');
      await pause(duration(task));
      await this.effect(task, 'inner');
    });
    await this.effect(task, 'ok');
  }

  /** Pushes what is to follow, and its own effect, in one transaction. @param {Task} task */
  async follows(task) {
    await pause(duration(task));
    await this.dataSource.transaction(async (manager) => {
      const { id } = await this.queue.pushTask({ kind: Kinds.work, payload: { do: 'ok' } }, { manager });
      await manager.query(
        "INSERT INTO pushed SELECT id, kind, attempts_left, 'ok' FROM pgqueue WHERE id = $1",
        [id],
      );
      await this.effect(task, 'ok', manager);
    });
  }
}
injected(Behaviours, getDataSourceToken(), QueueService);
Injectable()(Behaviours);
