/** Producers that push tasks of every sort, as fast as the backlog allows, whatever happens to the database. */
import { setTimeout as pause } from 'node:timers/promises';
import { between, choose } from './random.mjs';

/** @typedef {import('./producer.mjs').Producer} Producer */
/** @typedef {import('./producer.mjs').ToPush} ToPush */

const BATCH = 40;
/** Small, so that what is rescued does not wait behind it. */
const LARGEST_BACKLOG = 400;
/** A task that kills its process costs everything else that ran there an attempt. */
const POISON_EVERY_MS = 60_000;

export class Traffic {
  pushed = 0;
  cancelled = 0;
  /** Transactions of producers that failed, or whose outcome they were not told. */
  failed = 0;
  #stopped = false;
  #keys = 0;
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
    this.#loops = [this.#push(), this.#push()];
  }

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #push() {
    while (!this.#stopped) {
      try {
        const [{ open }] = await this.producer.rows(
          "SELECT count(*)::int AS open FROM pgqueue WHERE status IN ('new', 'must_retry')",
        );
        if (open < LARGEST_BACKLOG) await this.#pushBatch();
        else await pause(50);
      } catch {
        this.failed++;
        await pause(100);
      }
    }
  }

  async #pushBatch() {
    const tasks = Array.from({ length: BATCH }, () => this.#task());
    const now = Date.now();
    if (now - this.#lastPoison > POISON_EVERY_MS) {
      this.#lastPoison = now;
      tasks.push({ kind: 'thrice', do: 'dies', ms: 100 });
    }
    await this.producer.push(...tasks);
    this.pushed += tasks.length;
    for (const { kind = 'work', key } of tasks) {
      if (key && (await this.producer.cancel(kind, key))) this.cancelled++;
    }
  }

  /** @returns {ToPush} */
  #task() {
    const { random } = this;
    const kind = choose(random, [
      [5, 'work'],
      [3, 'other'],
      [2, 'fleeting'],
    ]);
    const ms = between(random, 0, 100);
    return {
      kind: /** @type {ToPush['kind']} */ (kind),
      ...choose(random, [
        [50, { do: 'ok', ms }],
        [25, { do: 'completes', ms }],
        [6, { do: 'effectFirst', ms }],
        [6, { do: 'throws', ms, times: 1 + Math.floor(random() * 2) }],
        [4, { do: 'heed', ms: ms * 20 }],
        [3, { do: 'follows', ms }],
        [2, { do: 'cancels' }],
        [1, { do: 'completesInVain', times: 1 }],
        [1, { do: 'ok', ms: 500, key: `key-${process.pid}-${++this.#keys}` }],
        [0.5, { do: 'ok', ms: ms * 80 }],
        [0.05, { do: 'hang', times: 1 }],
      ]),
    };
  }
}
