import type { PgQueueModuleOptions } from '../../lib/index.js';

/** What the queue of a test may work over; `npm run test:over` runs the tests over each. */
const OVERS = ['typeorm', 'pg', 'pgbouncer', 'schema', 'dml', 'shards'] as const;

export type Over = (typeof OVERS)[number];

/**
 * What it works over in this run, as `TEST_OVER` says:
 *
 * - `typeorm`, the default: a DataSource of the owner of the tables.
 * - `pg`: a pool of `pg` alone.
 * - `pgbouncer`: a DataSource that reaches the server through PgBouncer in transaction mode.
 * - `schema`: tables in a schema whose name needs to be quoted.
 * - `dml`: a DataSource of a role that may read and write the rows of the queue's tables, and no more.
 * - `shards`: two shards, each a DataSource of its own. What says of which shard it is goes there, all else to the first, where
 *   tests look; the second is served beside it.
 */
export const OVER = overOf(process.env['TEST_OVER'] ?? 'typeorm');

/** The schema of the queue's tables. Where it is an odd one, every session finds tables in it first, so that SQL of tests need not name it. */
export const QUEUE_SCHEMA = OVER === 'schema' ? 'odd "Schema\'; drop' : 'public';

/** The shard beside the one where tests look. */
export const SECOND = 'second';

/** Options of the module that it needs, below those that a test names itself. */
export const QUEUE_OPTIONS: PgQueueModuleOptions = {
  ...(OVER === 'pgbouncer' ? { transactionPooling: true, listen: false } : {}),
  ...(OVER === 'schema' ? { schema: QUEUE_SCHEMA } : {}),
};

/** Whether workers hear of pushes, unless a test says otherwise. */
export const LISTENS = QUEUE_OPTIONS.listen ?? true;

/** Why a test is left out that is about what workers hear. */
export const NEEDS_LISTEN: Partial<Record<Over, string>> = {
  pgbouncer: 'in transaction mode nobody hears of NOTIFY',
};

/** One reason for all but one of them. */
export function allBut(one: Over, reason: string): Partial<Record<Over, string>> {
  return Object.fromEntries(OVERS.filter((over) => over !== one).map((over) => [over, reason]));
}

/** What the command line has to be told of it. */
export const CLI_ARGS: readonly string[] = OVER === 'schema' ? ['--schema', QUEUE_SCHEMA] : [];

/** Whether a test, or a group of them, can't be run over what this run works over. Says so, with the reason. */
export function cannotRunOver(reasons: Partial<Record<Over, string>>): boolean {
  const reason = reasons[OVER];
  if (reason !== undefined) {
    process.stdout.write(`skipped over ${OVER}: ${reason}\n`);
  }
  return reason !== undefined;
}

function overOf(name: string): Over {
  const over = OVERS.find((each) => each === name);
  if (!over) {
    throw new Error(`TEST_OVER: must be one of ${OVERS.join(', ')}, is "${name}"`);
  }
  return over;
}
