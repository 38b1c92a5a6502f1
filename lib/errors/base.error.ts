import { hasBrandOf } from './error-brand.js';

/**
 * The base of every error that this library throws; `code` is stable, messages may be reworded. `instanceof` knows them from any copy
 * of this package.
 */
export abstract class PgQueueError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(this, value) || hasBrandOf(value, this.prototype);
  }

  /** Names the error for programs, for example `PGQUEUE_LEASE_LOST`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
