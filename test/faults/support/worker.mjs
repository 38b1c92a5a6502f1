/** The test's side of a worker process. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from './wait.mjs';

const APP = fileURLToPath(new URL('worker-app.mjs', import.meta.url));
/** Enough for every look back that a test takes; a worker of a long run must not fill the memory. */
const KEPT_EVENTS = 20_000;
const KEPT_LINES = 5000;

/** @typedef {{ type: string, at: number, [field: string]: any }} WorkerEvent */
/** @typedef {{ code: number | null, signal: NodeJS.Signals | null, at: number }} Exit */

/** How often each event was told, by its type and outcome, of all workers there ever were. @type {Map<string, number>} */
export const totals = new Map();

/** Told of each event of each worker. @type {Set<(worker: Worker, event: WorkerEvent) => void>} */
export const observers = new Set();

/** @type {Set<Worker>} */
const living = new Set();
process.once('exit', () => living.forEach((worker) => worker.kill()));

export class Worker {
  /** @type {WorkerEvent[]} */
  events = [];
  /** What it wrote to its standard output and error, each with the time. @type {{ at: number, text: string }[]} */
  lines = [];
  /** @type {Exit | undefined} */
  exit;
  /** Names this run in the side tables, once it is ready. */
  run = '';
  /** Its place in a fleet, which the next one in it has too. */
  slot = 0;
  #calls = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();

  /**
   * @param {import('./worker-app.mjs').WorkerConfig} config
   * @param {string} [app] the program, where it is another release's
   */
  constructor(config, app = APP) {
    const env = { ...process.env };
    for (const name of Object.keys(env)) if (/^(NODE_OPTIONS|VITEST|TEST$)/.test(name)) delete env[name];
    this.child = spawn(process.execPath, [app, JSON.stringify(config)], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    living.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => this.#read(text));
    }
    this.child.on('message', (message) => this.#receive(message));
    this.child.on('error', () => undefined);
    this.child.once('exit', (code, signal) => {
      this.exit = { code, signal, at: Date.now() };
      living.delete(this);
      for (const { reject } of this.#waiting.values()) reject(new Error(`worker ${this.pid} has ended`));
      this.#waiting.clear();
    });
  }

  /**
   * Starts a worker process, and waits until its application has started.
   * @param {import('./worker-app.mjs').WorkerConfig} config
   * @param {string} [app] the program, where it is another release's
   */
  static async start(config, app) {
    const worker = new Worker(config, app);
    await worker.ready();
    return worker;
  }

  async ready(timeoutMs = 60_000) {
    await eventually(
      () => this.run || this.exit,
      timeoutMs,
      () => `worker is ready: ${this.output}`,
    );
    if (this.exit && !this.run) throw new Error(`the worker ended before it was ready:\n${this.output}`);
  }

  get pid() {
    return this.child.pid ?? 0;
  }

  get output() {
    return this.lines.map(({ text }) => text).join('\n');
  }

  /** @param {string} type @param {(event: WorkerEvent) => boolean} [matches] */
  of(type, matches = () => true) {
    return this.events.filter((event) => event.type === type && matches(event));
  }

  /** Ends it at once; nothing in it can notice. */
  kill() {
    return this.child.kill('SIGKILL');
  }

  halt() {
    return this.child.kill('SIGSTOP');
  }

  go() {
    return this.child.kill('SIGCONT');
  }

  /** @param {NodeJS.Signals} [signal] */
  terminate(signal = 'SIGTERM') {
    return this.child.kill(signal);
  }

  /** @param {number} [timeoutMs] @returns {Promise<Exit>} */
  async ended(timeoutMs = 30_000) {
    return eventually(
      () => this.exit,
      timeoutMs,
      () => `worker ${this.pid} ends: ${this.output.slice(-2000)}`,
    );
  }

  /** Kills it and waits until it is gone. */
  async destroy() {
    this.kill();
    await this.ended();
  }

  /**
   * @param {'start' | 'stop' | 'close' | 'health' | 'concurrency' | 'ping' | 'workers' | 'block'} name
   * @param {unknown} [argument]
   * @returns {Promise<any>}
   */
  ask(name, argument) {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.send({ id, name, argument }, (error) => error && reject(error));
    });
  }

  /** @param {any} message */
  #receive(message) {
    if (message.ready) this.run = message.ready;
    for (const event of message.events ?? []) {
      this.events.push(event);
      observers.forEach((observe) => observe(this, event));
      const name = event.as ? `${event.type}: ${event.as}` : event.type;
      totals.set(name, (totals.get(name) ?? 0) + 1);
    }
    if (this.events.length > KEPT_EVENTS) this.events.splice(0, this.events.length - KEPT_EVENTS);
    const call = this.#waiting.get(message.id);
    if (!call) return;
    this.#waiting.delete(message.id);
    if ('error' in message) call.reject(new Error(message.error));
    else call.resolve(message.result);
  }

  /** @param {string} text */
  #read(text) {
    const at = Date.now();
    for (const line of text.split('\n').filter(Boolean)) this.lines.push({ at, text: line });
    if (this.lines.length > KEPT_LINES) this.lines.splice(0, this.lines.length - KEPT_LINES);
  }
}
