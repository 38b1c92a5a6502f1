/** A TCP proxy inside the test's process that delays, cuts and swallows what passes through it. */
import net from 'node:net';
import { Answer, errorOf, prepares, readyForQuery } from './answers.mjs';

/** @typedef {'up' | 'down' | 'both'} Direction up: to the server; down: from it */

/** @typedef {import('./answers.mjs').Spoiled} Spoiled */
/** @typedef {Spoiled & { answer: Answer, prepares: boolean }} SpoiledAnswer */

/** How long a wrong answer has to arrive, before its connection is closed. */
const LAST_WORDS_MS = 20;

/**
 * Node can't reset a socket that is shutting down: it would stay open without an owner, and its process would never end.
 * @param {net.Socket} socket
 */
function reset(socket) {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One connection: a socket on either side, and what holds the bytes back between them. */
class Link {
  /** Bytes that still wait to be written, by direction, so that a delay never changes their order. */
  #up = Promise.resolve();
  #down = Promise.resolve();
  /** @type {net.Socket | undefined} */
  #server;
  /** @type {{ up: boolean, down: boolean }} */
  #silent = { up: false, down: false };
  /** What is to become of the answer that is awaited. @type {SpoiledAnswer | undefined} */
  #spoiled;
  #muted = false;

  /**
   * @param {net.Socket} client
   * @param {Proxy} proxy
   * @param {() => void} onClosed
   */
  constructor(client, proxy, onClosed) {
    this.client = client;
    this.proxy = proxy;
    this.onClosed = onClosed;
    client.setNoDelay(true);
    client.pause();
    client.on('data', (chunk) => {
      const spoiled = this.#spoiled ? undefined : this.proxy.spoil?.(chunk);
      if (spoiled) this.#spoiled = { ...spoiled, answer: new Answer(), prepares: prepares(chunk) };
      this.#up = this.#pass(this.#up, chunk, () => this.#server);
    });
    client.on('close', () => void this.#up.then(() => this.#gone()));
    client.on('error', () => undefined);
  }

  connect() {
    const server = net.connect(this.proxy.target, '127.0.0.1');
    this.#server = server;
    server.setNoDelay(true);
    server.on('data', (chunk) => {
      if (this.#spoiled) this.#gather(this.#spoiled, chunk);
      else if (!this.#muted) this.#toClient(chunk);
    });
    server.on('close', () => void this.#down.then(() => this.#gone()));
    server.on('error', () => reset(this.client));
    this.#apply();
  }

  /**
   * Unread bytes stay in the kernel's buffers, as those of a network that is down do.
   * @param {Direction} direction
   * @param {boolean} silent
   */
  silence(direction, silent) {
    if (direction !== 'down') this.#silent.up = silent;
    if (direction !== 'up') this.#silent.down = silent;
    if (!silent && !this.#server) this.connect();
    else this.#apply();
  }

  /** Whether nothing of the server is heard any more, for good. */
  get isMuted() {
    return this.#muted;
  }

  reset() {
    reset(this.client);
    if (this.#server) reset(this.#server);
  }

  /** @param {Buffer} chunk */
  #toClient(chunk, laterMs = 0) {
    this.#down = this.#pass(this.#down, chunk, () => this.client, laterMs);
  }

  /**
   * @param {SpoiledAnswer} spoiled
   * @param {Buffer} chunk
   */
  #gather(spoiled, chunk) {
    const { how, answer, lateMs = 0, code = 'XX000', onSpoiled } = spoiled;
    if (!answer.add(chunk)) return;
    this.#spoiled = undefined;
    onSpoiled?.();
    if (how === 'cut') this.reset();
    else if (how === 'mute') this.#muted = true;
    else if (how === 'late') this.#toClient(answer.bytes, lateMs);
    else if (answer.isIdle && !spoiled.prepares) {
      this.#toClient(Buffer.concat([errorOf(code), readyForQuery()]));
    } else {
      this.#toClient(errorOf(code));
      setTimeout(() => this.reset(), LAST_WORDS_MS);
    }
  }

  #apply() {
    if (this.#silent.up || !this.#server) this.client.pause();
    else this.client.resume();
    if (this.#silent.down) this.#server?.pause();
    else this.#server?.resume();
  }

  /**
   * @param {Promise<void>} before
   * @param {Buffer} chunk
   * @param {() => net.Socket | undefined} to
   */
  async #pass(before, chunk, to, laterMs = 0) {
    const due = performance.now() + this.proxy.delayMs + laterMs;
    await before;
    const left = due - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    const target = to();
    if (target && !target.destroyed) target.write(chunk);
  }

  /** The last words of one side still reach the other. */
  #gone() {
    this.client.destroySoon();
    this.#server?.destroySoon();
    this.onClosed();
  }
}

export class Proxy {
  /** How much later each piece of data arrives, in either direction. */
  delayMs = 0;
  /** Says of a request what is to become of its answer. @type {((chunk: Buffer) => Spoiled | undefined) | undefined} */
  spoil;
  /** @type {Set<Link>} */
  #links = new Set();
  #server = net.createServer((client) => this.#accept(client));
  /** @type {Direction | undefined} */
  #swallows;
  #refuses = false;

  /**
   * @param {number} target the port of the server, on this machine; may be changed, for new connections
   * @private
   */
  constructor(target) {
    this.target = target;
  }

  /** @param {number} target */
  static async start(target) {
    const proxy = new Proxy(target);
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return proxy;
  }

  get port() {
    return /** @type {net.AddressInfo} */ (this.#server.address()).port;
  }

  /** How many connections there are now. */
  get connections() {
    return this.#links.size;
  }

  /** @param {string} url of the server @returns {string} the same through this proxy */
  through(url) {
    const changed = new URL(url);
    changed.port = String(this.port);
    return changed.href;
  }

  /** Resets every connection. */
  cut() {
    for (const link of this.#links) link.reset();
  }

  /** Resets every connection, and new ones at once, until `heal`. */
  refuse() {
    this.#refuses = true;
    this.cut();
  }

  /**
   * From now on nothing passes and nobody is told: neither on connections that exist nor on new ones.
   * @param {Direction} [direction]
   */
  blackhole(direction = 'both') {
    this.#swallows = direction;
    for (const link of this.#links) link.silence(direction, true);
  }

  /**
   * Ends `blackhole` and `refuse`. Connections that were muted are reset: an idle pool would hand out such a one again and again.
   * @param {{ revive?: boolean }} [options] revive: what was held back is delivered, as when a cable is plugged in again;
   *   otherwise the connections of before stay silent for ever, as behind a firewall that forgot them
   */
  heal({ revive = true } = {}) {
    this.#refuses = false;
    this.#swallows = undefined;
    for (const link of this.#links) if (link.isMuted) link.reset();
    if (revive) for (const link of this.#links) link.silence('both', false);
  }

  async close() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** @param {net.Socket} client */
  #accept(client) {
    if (this.#refuses) {
      client.on('error', () => undefined);
      reset(client);
      return;
    }
    const link = new Link(client, this, () => this.#links.delete(link));
    this.#links.add(link);
    if (this.#swallows) link.silence(this.#swallows, true);
    else link.connect();
  }
}
