import type { ParseArgsConfig } from 'node:util';
import type { QueueAdmin } from '../cluster/admin/queue-admin.js';
import type { CliDatabase } from './cli-database.js';
import type { Output } from './output.js';
import type { PartialFailures } from './partial-failures.js';

/** How a command ends, as the exit code of the program. */
export const EXIT = { done: 0, failed: 1, usage: 2, nothing: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The arguments of the command line are wrong. */
export class UsageError extends Error {}

export type Values = Readonly<Record<string, string | undefined>>;

/** What a command works with. */
export interface CommandContext {
  readonly databases: readonly CliDatabase[];
  readonly schema: string;
  readonly admin: QueueAdmin;
  /** Takes the errors when some databases fail and others do not. */
  readonly failures: PartialFailures;
  readonly output: Output;
  readonly json: boolean;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal;
  /** The options of the command that take a value. */
  readonly values: Values;
  readonly arguments: readonly string[];
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The synopsis of the arguments. */
  readonly usage: string;
  readonly details: string;
  /** Its own options. Default: none. */
  readonly options?: ParseArgsConfig['options'];
  /** How many arguments it takes besides options, at least and at most. Default: none. */
  readonly arguments?: readonly [number, number];
  /** Whether the command works without the queue's tables. */
  readonly withoutTables?: boolean;
  run(context: CommandContext): Promise<ExitCode>;
}

/** @throws UsageError for anything but digits. */
export function wholeNumber(values: Values, name: string): number | undefined {
  const value = values[name];
  if (value !== undefined && !/^\d{1,15}$/.test(value)) {
    throw new UsageError(`--${name}: must be a whole number, got ${JSON.stringify(value)}`);
  }
  return value === undefined ? undefined : Number(value);
}
