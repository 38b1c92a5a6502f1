/**
 * What was done to each worker process that may cost it its lease: it was halted, its network or its server was away, answers to
 * its heartbeats were lost. Whoever is healthy must keep its lease.
 */

/** @typedef {{ slot: number | null, from: number, to: number }} Entry */

export class Harm {
  /** @type {Entry[]} */
  #entries = [];

  /**
   * @param {number | null} slot of the fleet; null: all
   * @returns {() => void} ends it
   */
  begin(slot) {
    const entry = { slot, from: Date.now(), to: Infinity };
    this.#entries.push(entry);
    return () => {
      entry.to = Date.now();
    };
  }

  /**
   * Whether anything was done to it between these moments.
   * @param {number} slot
   * @param {number} from
   * @param {number} to
   */
  hurt(slot, from, to) {
    return this.#entries.some(
      (entry) => (entry.slot === null || entry.slot === slot) && entry.from <= to && entry.to >= from,
    );
  }
}
