/** What one run of one contender needs: an empty store, processes, and the check that no task was lost or run twice. */
/** @import { Server } from './servers.mjs' */
/** @import { Entry, Options, Seen, Store, WorkerCall } from '../types.js' */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { contenderOf } from '../contenders/index.mjs';
import { now, until } from './clock.mjs';
import { labelOf } from './entries.mjs';
import { ContenderProcess } from './process.mjs';

/** A contender lost a task, or ran one twice: its figures are worth nothing. */
export class WrongTasksError extends Error {}

let stores = 0;

export class Lab {
  #servers;
  #entry;
  #profileFolder;
  /** @type {ContenderProcess[]} */
  #processes = [];
  /** @type {pg.Client[]} */
  #clients = [];
  /** @type {Store | undefined} */
  #store;
  /** @type {ContenderProcess[]} */
  workers = [];
  /** @type {ContenderProcess | undefined} */
  #producer;
  /** Those that the store is spread over. @type {Server[]} */
  #shards = [];
  /** @type {Set<() => void>} */
  #onProgress = new Set();

  /**
   * @param {import('./runner.mjs').Servers} servers
   * @param {Entry} entry
   * @param {Options & { profileFolder?: string }} options
   */
  constructor(servers, entry, { profileFolder }) {
    this.#servers = servers;
    this.#entry = entry;
    this.#profileFolder = profileFolder && `${profileFolder}/${labelOf(entry).replaceAll(/\W+/g, '-')}`;
  }

  get store() {
    return this.#store ?? missing('store');
  }

  get producer() {
    return this.#producer ?? missing('producer');
  }

  get #server() {
    const { server } = contenderOf(this.#entry.contender);
    return server === 'redis' ? (this.#servers.redis ?? missing('Redis')) : this.#servers.postgres;
  }

  /**
   * Creates the store, with the contender's tables in it, and a process that pushes.
   * @param {{ retries?: boolean, servers?: number }} [settings]
   */
  async open({ retries = false, servers = 1 } = {}) {
    const { contender, configuration } = this.#entry;
    const { server } = contenderOf(contender);
    const name = `bench_${process.pid}_${++stores}`;
    this.#store = { name, server, url: this.#server.url };
    if (server === 'postgres') {
      this.#shards = [this.#servers.postgres, ...(await this.#servers.more(servers - 1))];
      await this.#administer(`CREATE DATABASE ${name} TEMPLATE template0`);
      const shards = this.#shards.map(
        ({ url }) => Object.assign(new URL(url), { pathname: `/${name}` }).href,
      );
      this.#store = { name, server, url: /** @type {string} */ (shards[0]), ...(servers > 1 && { shards }) };
    }
    this.#producer = await this.#process('producer');
    await this.#producer.call('install', this.#store);
    await this.#producer.call('openProducer', this.#store, { configuration, retries });
    return this.#producer;
  }

  /**
   * Adds processes that are ready to work, and do not yet.
   * @param {number} count
   * @param {Partial<WorkerCall>} [call]
   */
  async openWorkers(count, call = {}) {
    const { configuration } = this.#entry;
    const opened = await Promise.all(Array.from({ length: count }, () => this.#process('worker')));
    for (const worker of opened) {
      worker.onProgress = () => this.#onProgress.forEach((look) => look());
      await worker.call('openWorker', { store: this.store, configuration, mode: 'count', ...call });
    }
    this.workers.push(...opened);
    return opened;
  }

  async startWorkers() {
    await Promise.all(this.workers.map((worker) => worker.call('startWorker')));
  }

  async stopWorkers() {
    await Promise.all(this.workers.map((worker) => worker.call('stopWorker')));
  }

  /** Begins every run with the same state: fresh statistics, and no checkpoint that is due. */
  async settle() {
    if (this.store.server !== 'postgres') return;
    for (const url of this.store.shards ?? [this.store.url]) {
      const client = await this.connect(url);
      await client.query('VACUUM ANALYZE');
      await client.query('CHECKPOINT');
    }
  }

  /** A connection of the harness's own to the store's database. */
  async connect(url = this.store.url) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {}); // the database is dropped in the end
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  serverCpuMs() {
    const servers = this.#shards.length > 0 ? this.#shards : [this.#server];
    return servers.reduce((sum, server) => sum + server.cpuMs(), 0);
  }

  /** What the server has logged so far. */
  serverLog() {
    return readFileSync(this.#servers.postgres.logFile, 'utf8');
  }

  get serverUrl() {
    return this.#server.url;
  }

  /** Tasks that the workers have handled, as they told last. */
  get handled() {
    return this.workers.reduce((sum, { progress }) => sum + progress, 0);
  }

  /** @param {() => void} look called when a worker told how far it is */
  onProgress(look) {
    this.#onProgress.add(look);
  }

  /** @param {ContenderProcess} worker that was killed: what it did is not asked for any more */
  forget(worker) {
    this.workers = this.workers.filter((other) => other !== worker);
  }

  /**
   * @param {number} tasks
   * @param {number} limitMs
   * @returns {Promise<boolean>} whether so many were handled in time
   */
  whenHandled(tasks, limitMs) {
    return new Promise((resolve) => {
      const end = (/** @type {boolean} */ done) => {
        clearTimeout(timer);
        this.#onProgress.delete(look);
        resolve(done);
      };
      const look = () => {
        if (this.handled >= tasks) end(true);
      };
      const timer = setTimeout(() => end(false), limitMs);
      this.#onProgress.add(look);
      look();
    });
  }

  /** Waits until the store has no unfinished task. @param {number} [timeoutMs] */
  async whenEmpty(timeoutMs = 60_000) {
    await until(
      'the store is empty',
      timeoutMs,
      async () => (await this.producer.call('countLeft')) === 0,
      2,
    );
  }

  /**
   * Connections are open and code is compiled when the clock starts.
   * @returns {Promise<number>} how many tasks it pushed, from number 0
   */
  async warmUp(count = 500) {
    await this.producer.call('fill', { from: 0, count, batch: 1, inFlight: 32 });
    if (this.workers.length > 0) {
      await this.#handledAll(count);
      await Promise.all(this.workers.map((worker) => worker.call('forgetLatencies')));
    }
    return count;
  }

  /** @param {number} count */
  async #handledAll(count) {
    await until(`${count} tasks are handled`, 120_000, async () => {
      const seen = await this.#seen();
      return seen.reduce((sum, { distinct }) => sum + distinct, 0) >= count;
    });
  }

  /** Starts the clocks of CPU time. */
  async startUsage() {
    await Promise.all([...this.workers, this.producer].map((process) => process.call('startUsage')));
    const server = this.serverCpuMs();
    const startedAt = now();
    return {
      /** @param {number} tasks */
      per1000: async (tasks) => {
        const serverMs = this.serverCpuMs() - server;
        const workers = await Promise.all(this.workers.map((worker) => worker.call('usage')));
        const producer = await this.producer.call('usage');
        const sum = workers.reduce((total, { cpuMs }) => total + cpuMs, 0);
        return {
          workerCpu: workers.length > 0 ? (sum / tasks) * 1000 : null,
          serverCpu: (serverMs / tasks) * 1000,
          producerCpu: (producer.cpuMs / tasks) * 1000,
          peakRss: workers.length > 0 ? Math.max(...workers.map(({ peakRssMb }) => peakRssMb)) : null,
        };
      },
      seconds: () => (now() - startedAt) / 1000,
    };
  }

  /**
   * Checks that the tasks 0 to `pushed` − 1 ran once each. Those that did not must be in the store still, and may only be
   * there when the run was not `complete`.
   * @param {{ pushed: number, complete?: boolean }} expected
   */
  async verify({ pushed, complete = true }) {
    const seen = await this.#seen();
    const counts = new Uint8Array(pushed);
    let foreign = 0;
    for (const { counts: own } of seen) {
      own.forEach((count, n) => {
        if (n < pushed) counts[n] = /** @type {number} */ (counts[n]) + count;
        else foreign += count;
      });
    }
    const unseen = counts.reduce((sum, count) => sum + Number(count === 0), 0);
    const repeated = counts.reduce((sum, count) => sum + Number(count > 1), 0);
    const left = await this.producer.call('countLeft');
    const problems = [
      repeated > 0 && `${repeated} tasks ran more than once`,
      foreign > 0 && `${foreign} tasks ran that were not pushed`,
      complete && unseen > 0 && `${unseen} tasks did not run`,
      left !== (complete ? 0 : unseen) &&
        `${left} tasks are left in the store, ${complete ? 0 : unseen} did not run`,
    ].filter(Boolean);
    if (problems.length > 0) throw new WrongTasksError(`${labelOf(this.#entry)}: ${problems.join('; ')}`);
  }

  /** Ends what the run began, however it went. */
  async close() {
    await Promise.all(this.#processes.map((process) => process.end()));
    await Promise.all(this.#clients.map((client) => client.end().catch(() => {})));
    if (this.#store?.server === 'postgres') {
      await this.#administer(`DROP DATABASE IF EXISTS ${this.#store.name} WITH (FORCE)`);
    }
  }

  /** @returns {Promise<Seen[]>} */
  #seen() {
    return Promise.all(this.workers.map((worker) => worker.call('seen')));
  }

  /** @param {'worker' | 'producer'} role */
  async #process(role) {
    const opened = await ContenderProcess.open(this.#entry.contender, role, this.#profileFolder);
    this.#processes.push(opened);
    return opened;
  }

  /** @param {string} statement */
  async #administer(statement) {
    for (const { url } of this.#shards) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query(statement);
      } finally {
        await client.end();
      }
    }
  }
}

/** @returns {never} @param {string} what */
function missing(what) {
  throw new Error(`this run has no ${what}`);
}
