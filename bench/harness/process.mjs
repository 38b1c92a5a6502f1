/** The harness's side of a process of a contender. */
/** @import { Calls } from './child.mjs' */
/** @import { ContenderName } from '../types.js' */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const CALL_TIMEOUT_MS = 30 * 60_000;

/** @type {Set<ContenderProcess>} */
const alive = new Set();

export class ContenderProcess {
  #child;
  #calls = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #name;
  /** How many tasks its worker has handled, as it told last. */
  progress = 0;
  /** @type {() => void} */
  onProgress = () => {};

  /**
   * @param {ContenderName} contender
   * @param {'worker' | 'producer'} role
   * @param {string | undefined} profileFolder where CPU profiles of what is measured are to be written, as the beginning of their names
   */
  static async open(contender, role, profileFolder) {
    const process = new ContenderProcess(contender, role, profileFolder);
    await process.#ready;
    return process;
  }

  #ready;

  /**
   * @private
   * @param {ContenderName} contender
   * @param {string} role
   * @param {string | undefined} profileFolder
   */
  constructor(contender, role, profileFolder) {
    this.#name = `${contender} (${role})`;
    this.#child = fork(CHILD, [contender], {
      serialization: 'advanced',
      execArgv: [],
      env: {
        ...process.env,
        NODE_ENV: 'production',
        ...(profileFolder ? { BENCH_PROFILE: `${profileFolder}-${role}` } : {}),
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    alive.add(this);
    this.#ready = new Promise((resolve, reject) => {
      this.#child.on('message', (/** @type {any} */ message) => {
        if (message.ready) resolve(undefined);
        else this.#receive(message);
      });
      const gone = (/** @type {unknown} */ how) => {
        alive.delete(this);
        const error = new Error(`${this.#name} has ended: ${how}`);
        reject(error);
        for (const call of this.#waiting.values()) call.reject(error);
        this.#waiting.clear();
      };
      this.#child.once('error', gone).once('exit', (code, signal) => gone(signal ?? code));
    });
  }

  get pid() {
    return /** @type {number} */ (this.#child.pid);
  }

  /**
   * @template {keyof Calls} Name
   * @param {Name} call
   * @param {Parameters<Calls[Name]>} args
   * @returns {Promise<Awaited<ReturnType<Calls[Name]>>>}
   */
  call(call, ...args) {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#name}: ${call} has not answered`)),
        CALL_TIMEOUT_MS,
      );
      const settle = (/** @type {(value: any) => void} */ how) => (/** @type {any} */ value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.#child.send({ id, call, args });
    });
  }

  /** @param {number} handled */
  giveCredit(handled) {
    this.#child.send({ credit: handled });
  }

  /** As when the machine loses power. */
  async kill() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Ends it, whatever it is doing. */
  async end() {
    if (!alive.has(this)) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    this.#child.disconnect();
    await gone;
    clearTimeout(timer);
  }

  /** @param {{ id?: number, progress?: number, result?: unknown, error?: string }} message */
  #receive({ id, progress, result, error }) {
    if (progress !== undefined) {
      this.progress = progress;
      this.onProgress();
    } else if (id !== undefined) {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(`${this.#name}: ${error}`));
    }
  }
}
