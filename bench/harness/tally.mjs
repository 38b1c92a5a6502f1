/** @import { Handle, HandlerMode, Seen } from '../types.js' */
import { now, pause } from './clock.mjs';

/** Handles tasks, and remembers each by its number, so that none can be lost or run twice unseen. */
export class Tally {
  distinct = 0;
  repeated = 0;
  running = 0;
  /** @type {number[]} milliseconds from the call of the push to the start of the handler */
  latencies = [];
  /** When the handler of each task started, by its number. @type {Map<number, number>} */
  starts = new Map();
  #counts = new Uint8Array(1024);

  /**
   * @param {HandlerMode} mode
   * @param {number} holdMs
   */
  constructor(mode, holdMs) {
    /** @type {Record<HandlerMode, Handle>} */
    const handlers = {
      count: ({ n }) => this.#done(n),
      latency: ({ n, at }) => {
        this.latencies.push(now() - /** @type {number} */ (at));
        this.#done(n);
      },
      starts: ({ n }) => {
        this.starts.set(n, now());
        this.#done(n);
      },
      'fail-once': ({ n }) => this.#failOnce(n),
      hold: async ({ n }) => {
        this.running++;
        await pause(holdMs);
        this.running--;
        this.#done(n);
      },
      hang: () => {
        this.running++;
        return new Promise(() => {});
      },
    };
    /** @type {Handle} */
    this.handle = handlers[mode];
  }

  /** @returns {Seen} */
  get seen() {
    const { distinct, repeated, running } = this;
    return { distinct, repeated, running, counts: this.#counts };
  }

  #failed = new Set();

  /** @param {number} n */
  #failOnce(n) {
    if (this.#failed.has(n)) {
      this.#done(n);
      return;
    }
    this.#failed.add(n);
    throw new Error('fails once');
  }

  /** @param {number} n */
  #done(n) {
    if (n >= this.#counts.length) {
      const grown = new Uint8Array(Math.max(n + 1, this.#counts.length * 2));
      grown.set(this.#counts);
      this.#counts = grown;
    }
    const before = /** @type {number} */ (this.#counts[n]);
    if (before === 0) this.distinct++;
    else this.repeated++;
    this.#counts[n] = Math.min(255, before + 1);
  }
}
