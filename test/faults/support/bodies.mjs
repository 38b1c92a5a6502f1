/**
 * When the bodies of handlers ran, as worker processes told it. No body of a task may run beside another whose process is healthy, and
 * no healthy process may lose its lease.
 */

/** @typedef {import('./worker.mjs').Worker} Worker */
/** @typedef {import('./worker.mjs').WorkerEvent} WorkerEvent */
/** @typedef {import('./harm.mjs').Harm} Harm */
/**
 * @typedef {{ pid: number, slot: number, endedAt: number, running: Map<number, Body>, lostAt: number[] }} Process
 *
 * @typedef {object} Body
 * @property {Process} process
 * @property {number} attempt
 * @property {string | null} life
 * @property {number} from
 * @property {number} to until when nobody else may run the task
 */

/** By default a lease lasts for 15 s without a heartbeat, and others look at each heartbeat of theirs. */
const LEASE_MS = 20_000;

export class Bodies {
  /** @type {Map<string, Body[]>} */
  #ofTask = new Map();
  /** Not the workers themselves, which hold much more. @type {Process[]} */
  #processes = [];
  /** @type {WeakMap<Worker, Process>} */
  #processOf = new WeakMap();
  count = 0;

  /**
   * @param {number} attemptTimeoutMs after which a body goes on without its task
   * @param {Harm} harm
   */
  constructor(attemptTimeoutMs, harm) {
    this.attemptTimeoutMs = attemptTimeoutMs;
    this.harm = harm;
  }

  /**
   * @param {Worker} worker
   * @param {WorkerEvent} event
   */
  observe(worker, event) {
    const process = this.#processOf.get(worker) ?? this.#meet(worker);
    const { type, body: number, at } = event;
    const body = process.running.get(number);
    if (type === 'start') this.#start(process, event);
    else if (type === 'lease-lost') process.lostAt.push(at);
    else if (body && ['end', 'aborted', 'completing'].includes(type)) body.to = Math.min(body.to, at);
    if (type === 'end') process.running.delete(number);
  }

  /**
   * @param {Set<string>} cancelled tasks and lives that were cancelled: their bodies go on until they are told
   * @returns {Record<string, string[]>} what breaks each rule
   */
  judge(cancelled) {
    return {
      'no body runs beside another of its task whose process is healthy': this.#overlaps(cancelled),
      'no process loses its lease without a fault': this.#processes.flatMap((process) =>
        process.lostAt
          .filter((at) => !this.#isHurt(process, at))
          .map((at) => `process ${process.pid} at ${new Date(at).toISOString()}`),
      ),
    };
  }

  /** @param {Worker} worker */
  #meet(worker) {
    /** @type {Process} */
    const process = { pid: worker.pid, slot: worker.slot, endedAt: Infinity, running: new Map(), lostAt: [] };
    worker.child.once('exit', () => (process.endedAt = Date.now()));
    this.#processes.push(process);
    this.#processOf.set(worker, process);
    return process;
  }

  /**
   * @param {Process} process
   * @param {WorkerEvent} event
   */
  #start(process, { id, attempt, body: number, life, at }) {
    const body = { process, attempt, life, from: at, to: at + this.attemptTimeoutMs };
    this.count++;
    process.running.set(number, body);
    const ofTask = this.#ofTask.get(id);
    if (ofTask) ofTask.push(body);
    else this.#ofTask.set(id, [body]);
  }

  /** @param {Set<string>} cancelled */
  #overlaps(cancelled) {
    /** @type {string[]} */
    const found = [];
    for (const [id, bodies] of this.#ofTask) {
      const inOrder = bodies.toSorted((a, b) => a.from - b.from);
      for (const [place, first] of inOrder.entries()) {
        for (const second of inOrder.slice(place + 1)) {
          const until = Math.min(first.to, first.process.endedAt);
          if (second.from >= until || cancelled.has(`${id} ${first.life}`)) continue;
          if (this.#isHurt(first.process, second.from) && hasLost(first)) continue;
          found.push(`task ${id}: ${nameOf(first)}, and ${nameOf(second)}`);
        }
      }
    }
    return found;
  }

  /**
   * @param {Process} process
   * @param {number} at
   */
  #isHurt({ slot }, at) {
    return this.harm.hurt(slot, at - LEASE_MS, at);
  }
}

/** Whether its process noticed, or died before it could. @param {Body} body */
function hasLost({ process, from }) {
  return process.endedAt < Infinity || process.lostAt.some((at) => at >= from);
}

/** @param {Body} body */
const nameOf = ({ process, attempt, from, to }) =>
  `attempt ${attempt} in process ${process.pid} from ${new Date(from).toISOString()} for ${to - from} ms`;
