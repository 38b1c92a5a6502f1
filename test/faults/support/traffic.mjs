/** Producers that push tasks of every sort, as fast as the backlog allows, whatever happens to the database. */
import { setTimeout as pause } from 'node:timers/promises';
import { between, choose } from './random.mjs';

/** @typedef {import('./producer.mjs').Producer} Producer */
/** @typedef {import('./producer.mjs').ToPush} ToPush */

const BATCH = 40;
/** Besides, so many that do nothing: a handler that writes to tables keeps a small machine busy, and the queue idle. */
const QUIET = 80;
/** Small, so that what is rescued does not wait behind it for long; larger than what waits for rescues, mostly. */
const LARGEST_BACKLOG = 1200;
/** A task that kills its process costs everything else that ran there an attempt. */
const POISON_EVERY_MS = 60_000;
/** So few keys are pushed again while their last tasks wait, run, or have ended. */
export const KEYS = 60;

export class Traffic {
  pushed = 0;
  cancelled = 0;
  /** Transactions of producers that failed, or whose outcome they were not told. */
  failed = 0;
  /** Pushes in place of what was stored. */
  replaced = 0;
  /** Pushes by a call of their own. */
  single = 0;
  #stopped = false;
  #lives = 0;
  #lastPoison = Date.now();
  /** @type {Promise<void>[]} */
  #loops = [];

  /**
   * @param {Producer} producer
   * @param {() => number} random
   */
  constructor(producer, random) {
    this.producer = producer;
    this.random = random;
  }

  start() {
    this.#loops = [
      ...Array.from({ length: 4 }, () => this.#loop(() => this.#pushBatch())),
      this.#loop(() => this.#pushOthers()),
    ];
  }

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  /** @param {() => Promise<void>} push */
  async #loop(push) {
    while (!this.#stopped) {
      try {
        const [{ open }] = await this.producer.rows(
          "SELECT count(*)::int AS open FROM pgqueue WHERE status IN ('new', 'must_retry')",
        );
        if (open < LARGEST_BACKLOG) await push();
        else await pause(50);
      } catch {
        this.failed++;
        await pause(100);
      }
    }
  }

  async #pushBatch() {
    /** @type {ToPush[]} */
    const tasks = Array.from({ length: BATCH }, () => this.#task());
    for (let n = 0; n < QUIET; n++) tasks.push({ do: 'quiet', kind: 'other', life: this.#life() });
    const now = Date.now();
    if (now - this.#lastPoison > POISON_EVERY_MS) {
      this.#lastPoison = now;
      tasks.push({ kind: 'thrice', do: 'dies', ms: 100, life: this.#life() });
    }
    await this.producer.push(...tasks);
    this.pushed += tasks.length;
    for (const { kind = 'work', key } of tasks) {
      if (key && (await this.producer.cancel(kind, key))) this.cancelled++;
    }
  }

  /** In other ways than batches in a transaction. */
  async #pushOthers() {
    const { random } = this;
    const singles = Array.from({ length: 10 }, () => ({
      do: 'ok',
      ms: between(random, 0, 50),
      life: this.#life(),
    }));
    this.failed += await this.producer.pushSingly(singles);
    this.single += singles.length;
    for (let n = 0; n < 5; n++) {
      const does = choose(random, [
        [3, 'ok'],
        [3, 'completes'],
        [2, 'snoozes'],
      ]);
      const key = `key-${Math.floor(random() * KEYS)}`;
      const task = {
        kind: /** @type {const} */ ('keyed'),
        do: does,
        ms: between(random, 0, 300),
        key,
        life: this.#life(),
      };
      if (await this.producer.replace(task)) this.replaced++;
    }
  }

  #life() {
    return `${process.pid}-${++this.#lives}`;
  }

  /** @returns {ToPush} */
  #task() {
    const { random } = this;
    const life = this.#life();
    const kind = choose(random, [
      [5, 'work'],
      [3, 'other'],
      [2, 'fleeting'],
    ]);
    const ms = between(random, 0, 100);
    return {
      kind: /** @type {ToPush['kind']} */ (kind),
      life,
      ...choose(random, [
        [50, { do: 'ok', ms }],
        [25, { do: 'completes', ms }],
        [6, { do: 'effectFirst', ms }],
        [6, { do: 'throws', ms, times: 1 + Math.floor(random() * 2) }],
        [4, { do: 'heed', ms: ms * 20 }],
        [3, { do: 'follows', ms }],
        [2, { do: 'cancels' }],
        [1, { do: 'completesInVain', times: 1 }],
        [2, { do: 'snoozes', ms }],
        [1, { kind: 'flaky', do: 'fails', ms }],
        [1, { do: 'ok', ms: 500, key: life }],
        [0.5, { do: 'ok', ms: ms * 80 }],
        [0.05, { do: 'hang', times: 1 }],
      ]),
    };
  }
}
