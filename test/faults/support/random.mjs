/** Chance that can be repeated: the same seed gives the same numbers (mulberry32). */

/** @param {number} seed @returns {() => number} from 0 to 1 */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * @template T
 * @param {() => number} random
 * @param {readonly (readonly [number, T])[]} choices with their weights
 * @returns {T}
 */
export function choose(random, choices) {
  let left = random() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, choice] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  return /** @type {readonly [number, T]} */ (choices.at(-1))[1];
}

/**
 * @param {() => number} random
 * @param {number} from
 * @param {number} to
 */
export function between(random, from, to) {
  return from + random() * (to - from);
}
