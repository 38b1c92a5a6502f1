/** @import { ContenderName, Entry } from '../types.js' */

/**
 * @param {readonly ContenderName[]} contenders
 * @param {Partial<Entry>} [more]
 * @returns {Entry[]}
 */
export function entries(contenders, more) {
  return contenders.map((contender) => ({ contender, configuration: 'best', ...more }));
}

/**
 * Every entry in every variant.
 * @template {string | number} Variant
 * @param {readonly Variant[]} variants
 * @param {(variant: Variant) => Entry[]} entriesOf
 * @returns {Entry[]}
 */
export function inVariants(variants, entriesOf) {
  return variants.flatMap((variant) => entriesOf(variant).map((entry) => ({ ...entry, variant })));
}

/** @param {Entry} entry */
export function labelOf({ contender, configuration, variant }) {
  const name = configuration === 'best' ? contender : `${contender} ${configuration}`;
  return variant === undefined ? name : `${name}, ${variant}`;
}

/** @type {readonly ContenderName[]} */
export const ALL = ['pgqueue', 'raw', 'graphile-worker', 'pg-boss', 'bullmq-redis', 'bullmq-postgres'];
