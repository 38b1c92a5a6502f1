/** Faults at random times: to worker processes, to their networks, to the database server. */
import { setTimeout as pause } from 'node:timers/promises';
import { isRequest } from './answers.mjs';
import { between, choose } from './random.mjs';
import { ask } from './side-tables.mjs';

/** @typedef {import('./fleet.mjs').Fleet} Fleet */
/** @typedef {import('./harm.mjs').Harm} Harm */
/** @typedef {import('./proxy.mjs').Proxy} Proxy */
/** @typedef {import('./answers.mjs').Request} Request */
/** @typedef {import('./answers.mjs').Spoiling} Spoiling */
/** @typedef {import('../../../scripts/embedded-postgres/index.mjs').EmbeddedPostgres} Server */

/** How long one fault may go on, and how often the server goes down: a run must get its tasks done too. */
const KILL_EVERY_MS = [4000, 7000];
const FAULT_EVERY_MS = [1500, 5000];
const RESTART_EVERY_MS = [45_000, 90_000];
const SPOIL_EVERY_MS = [200, 1500];
/** What poolers answer in the server's place, or the server when it may have committed. */
const CODES = ['XX000', '08P01', '08006', '58000', '57P01'];

/** Every sort of fault; chance makes each of them within some minutes. */
const FAULTS = [
  'kill -9',
  'SIGSTOP and SIGCONT',
  'SIGTERM',
  'pg_terminate_backend',
  'connections reset',
  'network silent',
  'network slow',
  'stop and start',
  'PostgreSQL restarted (immediate)',
  ...['cut', 'mute', 'late', 'wrong'].flatMap((how) =>
    ['claim', 'outcome', 'heartbeat', 'commit', 'any'].map((request) => `${how} answers to ${request}`),
  ),
  ...['cut', 'late', 'wrong'].map((how) => `${how} answers to push`),
];

export class Chaos {
  /** How often each fault was made. @type {Record<string, number>} */
  counts = Object.fromEntries(FAULTS.map((name) => [name, 0]));
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
   * @param {Proxy[]} world.proxies of the fleet's processes, in its order
   * @param {Proxy} world.producers
   * @param {Harm} world.harm
   * @param {Server} world.server
   * @param {string} world.url
   * @param {() => number} random
   * @param {Set<string>} without names of what is left out
   */
  constructor(world, random, without) {
    this.world = world;
    this.without = without;
    this.random = random;
  }

  start() {
    this.#loops = [
      this.#every(KILL_EVERY_MS, () => this.#kill()),
      this.#every(FAULT_EVERY_MS, () => this.#oneOf()),
      this.#every(RESTART_EVERY_MS, () => this.#restart()),
      this.#every(SPOIL_EVERY_MS, () => this.#spoil()),
    ];
  }

  /** Ends what goes on, and waits for it. */
  async stop() {
    this.#ending.abort();
    await Promise.all(this.#loops);
    await Promise.all(this.#faults);
    for (const proxy of [...this.world.proxies, this.world.producers]) {
      proxy.delayMs = 0;
      proxy.spoil = undefined;
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
      [1, () => this.#pauseProcessing()],
    ])();
    this.#faults.add(fault);
    void fault.then(() => this.#faults.delete(fault));
  }

  /** Often for longer than a lease lasts. */
  async #halt() {
    const worker = await this.world.fleet.pick(this.random);
    worker.halt();
    const over = this.world.harm.begin(worker.slot);
    this.#count('SIGSTOP and SIGCONT');
    await this.#wait(between(this.random, 500, 12_000));
    worker.go();
    over();
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

  /** Whoever may: the process ends its work, and takes it up again. */
  async #pauseProcessing() {
    const worker = await this.world.fleet.pick(this.random);
    try {
      await worker.ask('stop');
      await this.#wait(between(this.random, 0, 2000));
      while (!worker.exit) {
        try {
          await worker.ask('start');
          break;
        } catch {
          await pause(200);
        }
      }
      this.#count('stop and start');
    } catch {
      // It was killed meanwhile.
    }
  }

  /** @returns {{ proxy: Proxy, slot: number }} */
  #proxy() {
    const slot = Math.floor(this.random() * this.world.proxies.length);
    return { proxy: /** @type {Proxy} */ (this.world.proxies[slot]), slot };
  }

  /** The answers of the next few requests of one sort, in one process. */
  async #spoil() {
    const { random, world } = this;
    const worker = this.#proxy();
    const slot = random() < 0.2 ? null : worker.slot;
    const proxy = slot === null ? world.producers : worker.proxy;
    if (proxy.spoil) return;
    /** @type {Request} */
    const request =
      slot === null
        ? choose(random, [
            [1, 'push'],
            [2, 'commit'],
            [1, 'any'],
          ])
        : choose(random, [
            [3, 'claim'],
            [3, 'outcome'],
            [1, 'heartbeat'],
            [2, 'commit'],
            [1, 'any'],
          ]);
    /** @type {Spoiling} */
    const how = choose(random, [
      [3, 'cut'],
      [slot === null ? 0.2 : 1, 'mute'],
      [2, 'late'],
      [3, 'wrong'],
    ]);
    if (this.without.has(`${request} ${how}`)) return;
    const name = `${how} answers to ${request}`;
    // Producers wait for each answer: nobody else pushes meanwhile.
    const lateMs = between(random, 50, slot === null ? 500 : 8000);
    const code = choose(
      random,
      CODES.map((each) => /** @type {const} */ ([1, each])),
    );
    let left = 1 + Math.floor(random() * 4);
    const harms = slot !== null && (request === 'heartbeat' || request === 'any');
    const onSpoiled = () => {
      this.#count(name);
      if (harms) world.harm.begin(slot)();
    };
    proxy.spoil = (chunk) => {
      if (!isRequest(chunk, request)) return;
      if (--left === 0) proxy.spoil = undefined;
      return { how, lateMs, code, onSpoiled };
    };
  }

  async #cut() {
    this.#proxy().proxy.cut();
    this.#count('connections reset');
  }

  async #blackhole() {
    const { proxy, slot } = this.#proxy();
    const revive = this.random() < 0.5;
    const over = this.world.harm.begin(slot);
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
    over();
  }

  async #delay() {
    const { proxy } = this.#proxy();
    proxy.delayMs = between(this.random, 20, 300);
    this.#count('network slow');
    await this.#wait(between(this.random, 2000, 8000));
    proxy.delayMs = 0;
  }

  async #restart() {
    const from = Date.now();
    const over = this.world.harm.begin(null);
    await this.world.server.down('immediate');
    await this.#wait(between(this.random, 0, 4000));
    await this.world.server.up();
    over();
    this.outages.push({ from, to: Date.now() });
    this.#count('PostgreSQL restarted (immediate)');
  }
}
