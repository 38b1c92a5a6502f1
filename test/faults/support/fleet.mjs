import { Worker } from './worker.mjs';

/** On a busy machine, on which they all start at once. */
const READY_MS = 180_000;

/** As many worker processes as asked for: one that dies is started again, as an orchestrator does. */
export class Fleet {
  /** Those that were started and have not died, ready or not. @type {Worker[]} */
  workers = [];
  /** How many died that nobody here told to. */
  crashes = 0;
  /** How many ended with an error before they were ready: a start may fail while the database can't be reached. */
  failedStarts = 0;
  /** What those wrote that ended by themselves, with an error: nothing may make a worker process do so. @type {string[]} */
  failures = [];
  /** Each death by SIGKILL: whose, and when by this machine's clock. @type {{ run: string, at: number }[]} */
  kills = [];
  #closed = false;
  /** @type {Set<Worker>} */
  #doomed = new Set();

  /**
   * @param {number} size
   * @param {import('./worker-app.mjs').WorkerConfig} config of every one of them
   * @param {(slot: number) => Partial<import('./worker-app.mjs').WorkerConfig>} [ofSlot] what differs by place
   */
  constructor(size, config, ofSlot = () => ({})) {
    this.size = size;
    this.config = config;
    this.ofSlot = ofSlot;
  }

  /** Starts them all, and waits until they are ready. */
  async start() {
    await Promise.all(Array.from({ length: this.size }, (_, slot) => this.#launch(slot).ready(READY_MS)));
  }

  /** Those whose application has started. */
  get ready() {
    return this.workers.filter(({ run, exit }) => run && !exit);
  }

  /**
   * Whether at least half of them are ready: on a slow machine faults must not come faster than processes start, or nothing is
   * left to judge who is dead.
   */
  get isFit() {
    return this.ready.length * 2 >= this.size;
  }

  /**
   * One that is ready, chosen by `random`; waits until there are enough.
   * @param {() => number} [random]
   */
  async pick(random = Math.random) {
    while (!this.isFit) await new Promise((resolve) => setTimeout(resolve, 20));
    return /** @type {Worker} */ (this.ready[Math.floor(random() * this.ready.length)]);
  }

  /** @param {() => number} [random] */
  async killOne(random = Math.random) {
    const worker = await this.pick(random);
    this.#doomed.add(worker);
    await worker.destroy();
    return worker;
  }

  async close() {
    this.#closed = true;
    await Promise.all(this.workers.map((worker) => worker.destroy()));
  }

  /** @param {number} slot */
  #launch(slot) {
    const worker = new Worker({ ...this.config, ...this.ofSlot(slot) });
    worker.slot = slot;
    this.workers.push(worker);
    worker.child.once('exit', (code, signal) => {
      this.workers.splice(this.workers.indexOf(worker), 1);
      if (this.#closed) return;
      if (signal === 'SIGKILL' && worker.run) this.kills.push({ run: worker.run, at: Date.now() });
      if (!this.#doomed.delete(worker)) this.crashes++;
      if (code !== null && !worker.run) this.failedStarts++;
      else if (code !== null) this.failures.push(`exit code ${code}: ${worker.output.slice(-3000)}`);
      this.#launch(slot);
    });
    return worker;
  }
}
