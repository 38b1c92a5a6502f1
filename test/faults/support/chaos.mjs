/** Faults at random times: to worker processes, to their networks, to the database server. */
import { setTimeout as pause } from 'node:timers/promises';
import { between, choose } from './random.mjs';
import { ask } from './side-tables.mjs';

/** @typedef {import('./fleet.mjs').Fleet} Fleet */
/** @typedef {import('./proxy.mjs').Proxy} Proxy */
/** @typedef {import('../../../scripts/embedded-postgres/index.mjs').EmbeddedPostgres} Server */

/** How long one fault may go on, and how often the server goes down: a run must get its tasks done too. */
const KILL_EVERY_MS = [4000, 7000];
const FAULT_EVERY_MS = [1500, 5000];
const RESTART_EVERY_MS = [45_000, 90_000];

export class Chaos {
  /** How often each fault was made. @type {Record<string, number>} */
  counts = {};
  /** When the server was away. @type {{ from: number, to: number }[]} */
  outages = [];
  #ending = new AbortController();
  /** @type {Promise<void>[]} */
  #loops = [];
  /** @type {Set<Promise<void>>} */
  #faults = new Set();

  /**
   * @param {object} world
   * @param {Fleet} world.fleet
   * @param {Proxy[]} world.proxies
   * @param {Server} world.server
   * @param {string} world.url
   * @param {() => number} random
   */
  constructor(world, random) {
    this.world = world;
    this.random = random;
  }

  start() {
    this.#loops = [
      this.#every(KILL_EVERY_MS, () => this.#kill()),
      this.#every(FAULT_EVERY_MS, () => this.#oneOf()),
      this.#every(RESTART_EVERY_MS, () => this.#restart()),
    ];
  }

  /** Ends what goes on, and waits for it. */
  async stop() {
    this.#ending.abort();
    await Promise.all(this.#loops);
    await Promise.all(this.#faults);
    for (const proxy of this.world.proxies) {
      proxy.delayMs = 0;
      proxy.heal();
    }
  }

  /**
   * @param {number[]} range
   * @param {() => Promise<void>} fault
   */
  async #every([from = 0, to = 0], fault) {
    while (!this.#ending.signal.aborted) {
      await this.#wait(between(this.random, from, to));
      if (!this.#ending.signal.aborted) await fault();
    }
  }

  /** @param {number} ms */
  async #wait(ms) {
    await pause(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }

  /** @param {string} name */
  #count(name) {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  async #kill() {
    await this.world.fleet.killOne(this.random);
    this.#count('kill -9');
  }

  /** One fault that goes on beside others. */
  async #oneOf() {
    if (!this.world.fleet.isFit) return;
    const fault = choose(this.random, [
      [3, () => this.#halt()],
      [2, () => this.#terminate()],
      [3, () => this.#terminateBackends()],
      [2, () => this.#cut()],
      [2, () => this.#blackhole()],
      [1, () => this.#delay()],
    ])();
    this.#faults.add(fault);
    void fault.then(() => this.#faults.delete(fault));
  }

  /** Often for longer than a lease lasts. */
  async #halt() {
    const worker = await this.world.fleet.pick(this.random);
    worker.halt();
    this.#count('SIGSTOP and SIGCONT');
    await this.#wait(between(this.random, 500, 12_000));
    worker.go();
  }

  /** As a deployment does. */
  async #terminate() {
    const worker = await this.world.fleet.pick(this.random);
    worker.terminate();
    this.#count('SIGTERM');
  }

  async #terminateBackends() {
    const share = this.random();
    try {
      await ask(
        this.world.url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < $1`,
        [share],
      );
      this.#count('pg_terminate_backend');
    } catch {
      // The server is away just now.
    }
  }

  #proxy() {
    return /** @type {Proxy} */ (this.world.proxies[Math.floor(this.random() * this.world.proxies.length)]);
  }

  async #cut() {
    this.#proxy().cut();
    this.#count('connections reset');
  }

  async #blackhole() {
    const proxy = this.#proxy();
    const revive = this.random() < 0.5;
    proxy.blackhole(
      choose(this.random, [
        [2, 'both'],
        [1, 'up'],
        [1, 'down'],
      ]),
    );
    this.#count('network silent');
    await this.#wait(between(this.random, 1000, 15_000));
    proxy.heal({ revive });
  }

  async #delay() {
    const proxy = this.#proxy();
    proxy.delayMs = between(this.random, 20, 300);
    this.#count('network slow');
    await this.#wait(between(this.random, 2000, 8000));
    proxy.delayMs = 0;
  }

  async #restart() {
    const from = Date.now();
    await this.world.server.down('immediate');
    await this.#wait(between(this.random, 0, 4000));
    await this.world.server.up();
    this.outages.push({ from, to: Date.now() });
    this.#count('PostgreSQL restarted (immediate)');
  }
}
