/** The ways in which producers push. All number their tasks from `from`, and answer how many the store took. */
/** @import { Payload, Producer } from '../types.js' */
import { now, pause } from './clock.mjs';

/** How long a sustained run waits for pushes that have been called. */
const LAST_PUSHES_MS = 30_000;

/**
 * Fills a store, as quick as may be.
 * @param {Producer} producer
 * @param {{ from: number, count: number, batch: number, inFlight: number }} settings
 */
export async function fill(producer, { from, count, batch, inFlight }) {
  const end = from + count;
  let next = from;
  const lane = async () => {
    while (next < end) {
      const first = next;
      next = Math.min(end, first + batch);
      await producer.pushMany(numbers(first, next));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

/**
 * Pushes for so long.
 * @param {Producer} producer
 * @param {{ from: number, seconds: number, batch: number, inFlight: number }} settings of 1 task, or of so many in one call
 */
export async function pushFor(producer, { from, seconds, batch, inFlight }) {
  const start = now();
  const end = start + seconds * 1000;
  let next = from;
  const lane = async () => {
    while (now() < end) {
      const first = next;
      next += batch;
      if (batch === 1) await producer.pushOne({ n: first });
      else await producer.pushMany(numbers(first, first + batch));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { pushed: next - from, seconds: (now() - start) / 1000 };
}

/**
 * Pushes one by one at an even rate, whether or not the pushes before have been answered: that is how requests come in.
 * @param {Producer} producer
 * @param {{ from: number, perSecond: number, seconds: number }} settings
 */
export async function pace(producer, { from, perSecond, seconds }) {
  const total = perSecond * seconds;
  const start = now();
  const count = { called: 0, pushed: 0, failed: 0 };
  while (count.called < total) {
    const due = Math.min(total, Math.floor(((now() - start) / 1000) * perSecond));
    for (; count.called < due; count.called++) {
      producer.pushOne({ n: from + count.called, at: now() }).then(
        () => count.pushed++,
        () => count.failed++,
      );
    }
    await pause(1);
  }
  const answered = now() + LAST_PUSHES_MS;
  while (count.pushed + count.failed < count.called && now() < answered) await pause(1);
  return { ...count, seconds: (now() - start) / 1000 };
}

/**
 * Pushes single tasks with pauses in which the queue falls idle.
 * @param {Producer} producer
 * @param {{ from: number, count: number, minMs: number, maxMs: number }} settings
 */
export async function trickle(producer, { from, count, minMs, maxMs }) {
  for (let n = from; n < from + count; n++) {
    await pause(minMs + Math.random() * (maxMs - minMs));
    await producer.pushOne({ n, at: now() });
  }
}

/**
 * Pushes single tasks in pairs, with pauses in which the queue falls idle.
 * @param {Producer} producer
 * @param {{ from: number, count: number, gapMs: number, minMs: number, maxMs: number }} settings
 * @returns {Promise<[n: number, at: number][]>} when each push was acknowledged
 */
export async function trickleInPairs(producer, { from, count, gapMs, minMs, maxMs }) {
  /** @type {[number, number][]} */
  const acknowledged = [];
  const push = async (/** @type {number} */ n) => {
    await producer.pushOne({ n });
    acknowledged.push([n, now()]);
  };
  for (let n = from; n < from + count; n += 2) {
    await pause(minMs + Math.random() * (maxMs - minMs));
    const first = push(n);
    await pause(gapMs);
    await Promise.all([first, push(n + 1)]);
  }
  return acknowledged;
}

/**
 * Pushes at full speed, but never so far ahead of the workers that the backlog itself is what is measured.
 * @param {Producer} producer
 * @param {{ handled: number }} credit
 * @param {{ from: number, seconds: number, batch: number, inFlight: number, ahead: number }} settings
 */
export async function flood(producer, credit, { from, seconds, batch, inFlight, ahead }) {
  const end = now() + seconds * 1000;
  let next = from;
  const lane = async () => {
    while (now() < end) {
      if (next + batch - credit.handled > ahead) {
        await pause(1);
        continue;
      }
      const first = next;
      next += batch;
      await producer.pushMany(numbers(first, first + batch));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { pushed: next - from };
}

/**
 * @param {number} from
 * @param {number} to not included
 * @returns {Payload[]}
 */
function numbers(from, to) {
  return Array.from({ length: to - from }, (_, index) => ({ n: from + index }));
}
