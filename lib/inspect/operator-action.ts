import { check } from '../errors/check.js';

/** Who acts. */
export interface ActorOptions {
  /** Who acts, for the record of the action: 1 to 200 characters. */
  by?: string;
}

/** How many tasks an action changes. */
export interface ActionOptions extends ActorOptions {
  /** At most so many, 1 to 100,000. Default 1,000. */
  limit?: number;
}

/** Which attempts a retry gives. */
export interface RetryActionOptions extends ActionOptions {
  /** How many each task gets, 1 to 32,767. Default: as many as it had. */
  attempts?: number;
}

/** What an action did. */
export interface ActionResult {
  /** How many tasks were changed. */
  readonly changed: number;
  /** The limit was reached: there may be more tasks that the filter means. */
  readonly more: boolean;
  /** The tasks that the database refuses to change, each alone; missing when there is none. */
  readonly refused?: readonly RefusedTask[];
}

/** A task that the database refuses to change, and its words. */
export interface RefusedTask {
  readonly id: string;
  readonly error: string;
}

const LONGEST_NAME = 200;

/** @throws InvalidOptionError for anything but a name or undefined */
export function checkActor(by: unknown, field = 'by'): string | null {
  const fits =
    by === undefined ||
    (typeof by === 'string' && by.trim() !== '' && by.length <= LONGEST_NAME && !by.includes('\0'));
  check(fits, field, by, `must be a name of 1 to ${LONGEST_NAME} characters`);
  return by ?? null;
}
