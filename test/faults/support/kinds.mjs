import { defineTask } from 'nestjs-pgqueue';

/**
 * What a task's handler does; the names are methods of `Behaviours`.
 * @typedef {object} Payload
 * @property {string} do
 * @property {number} [ms] how long it takes
 * @property {number} [times] how many attempts behave so; the later ones just succeed. Default: all
 * @property {number} [thenMs] how long the later ones take. Default 0
 * @property {string} [label]
 * @property {string} [life] names this payload in the side tables
 */

/** Attempts are set by the kind, so that tests of different limits use different kinds. */
export const Kinds = {
  /** @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  work: defineTask({ kind: 1, name: 'work', maxAttempts: 50 }),
  /** @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  other: defineTask({ kind: 2, name: 'other', maxAttempts: 50 }),
  /** Deleted at once when it has ended. @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  fleeting: defineTask({ kind: 3, name: 'fleeting', maxAttempts: 50, terminalTasksTtl: 0 }),
  /** @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  thrice: defineTask({ kind: 4, name: 'thrice', maxAttempts: 3, maxTaskErrorMessages: 5 }),
  /** @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  once: defineTask({ kind: 5, name: 'once', maxAttempts: 1 }),
  /** Broken ones get new attempts, all the time. @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  flaky: defineTask({ kind: 6, name: 'flaky', maxAttempts: 2 }),
  /** Pushed under few keys, and replaced. @type {import('nestjs-pgqueue').TaskDefinition<Payload>} */
  keyed: defineTask({ kind: 7, name: 'keyed', maxAttempts: 50 }),
};

/** @typedef {keyof typeof Kinds} KindKey */

/** @type {Record<KindKey, number>} */
export const MAX_ATTEMPTS = { work: 50, other: 50, fleeting: 50, thrice: 3, once: 1, flaky: 2, keyed: 50 };
