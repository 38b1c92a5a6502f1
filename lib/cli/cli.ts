import { parseArgs } from 'node:util';
import { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { onSafePath } from '../storage/safe-path.js';
import { checkVersion } from '../storage/schema-check.js';
import { queueSql } from '../storage/sql/index.js';
import { describeAction } from '../events/action-record.js';
import { errorMessage } from '../errors/error-message.js';
import { inTime } from '../timing/timeout.js';
import { QueueEvents } from '../events/queue-events.js';
import { callDatabases, resultOf } from '../cluster/database-results.js';
import { InvalidOptionError, SchemaMismatchError } from '../errors/pg-queue.errors.js';
import { cancelCommand, retryCommand } from './act.command.js';
import { CliDatabase } from './cli-database.js';
import { type Command, EXIT, type ExitCode, UsageError, type Values } from './command.js';
import { databaseAddresses } from './database-addresses.js';
import { explainCommand } from './explain.command.js';
import { migrateCommand } from './migrate.command.js';
import { oneLine, type Output } from './output.js';
import { PartialFailures } from './partial-failures.js';
import { statusCommand } from './status.command.js';
import { tailCommand } from './tail.command.js';

const COMMANDS: Record<string, Command> = {
  migrate: migrateCommand,
  status: statusCommand,
  tail: tailCommand,
  retry: retryCommand,
  cancel: cancelCommand,
  explain: explainCommand,
};

const PROGRAM = 'nestjs-pgqueue';
const STATEMENT_TIMEOUT_MS = 10_000;

const COMMON = {
  schema: { type: 'string' },
  shard: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const COMMON_HELP = `Options of every command:
  --schema <name>  the schema of the queue's tables, default public
  --shard <name>=<url>  a shard of the queue, once for each
  --json           one line of JSON per answer
  --help           this text

The database is the one that DATABASE_URL names, or those of --shard. A shard that can't be reached is named on the error
stream, and what came of the others is shown.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing was found or changed.
`;

/** Runs one command. Never rejects: an error becomes one line on the error stream and an exit code. */
export async function runCli(
  args: readonly string[],
  databaseUrl: string | undefined,
  output: Output,
  signal: AbortSignal,
): Promise<ExitCode> {
  try {
    return await dispatch(args, databaseUrl, output, signal);
  } catch (error) {
    output.err(`${PROGRAM}: ${oneLine(errorMessage(error))}\n`);
    return error instanceof UsageError || error instanceof InvalidOptionError ? EXIT.usage : EXIT.failed;
  }
}

async function dispatch(
  [name, ...args]: readonly string[],
  databaseUrl: string | undefined,
  output: Output,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    output.out(overview());
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    throw new UsageError(`there is no command ${JSON.stringify(name)}; --help lists them`);
  }
  const { values, positionals } = parse(command, args);
  if (values.help) {
    output.out(`Usage: ${PROGRAM} ${command.usage}\n\n${command.details}\n\n${COMMON_HELP}`);
    return EXIT.done;
  }
  assertArguments(command, positionals);
  const schema = values.schema ?? 'public';
  const sql = queueSql(schema);
  const databases = databaseAddresses(values.shard ?? [], databaseUrl).map(
    (address) => new CliDatabase(address, sql, name),
  );
  try {
    if (!command.withoutTables) {
      await checkTables(databases, schema);
    }
    const failures = new PartialFailures();
    const code = await command.run({
      databases,
      schema,
      admin: new QueueAdmin({
        databases,
        draining: new Set(),
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        readFrom: 'master',
        events: recordOnErrorStream(output),
        via: 'cli',
        nameOf: () => undefined,
        background: (work) => work(),
      }),
      failures,
      output,
      signal,
      json: values.json ?? false,
      values: values as Values,
      arguments: positionals,
    });
    failures.errors.forEach((error, shard) =>
      output.err(`${PROGRAM}: shard ${shard}: ${oneLine(errorMessage(error))}\n`),
    );
    return failures.errors.size > 0 ? EXIT.failed : code;
  } finally {
    await Promise.all(databases.map((database) => database.close()));
  }
}

/** Writes the record of each action to the error stream, for whoever keeps the output of the command. */
function recordOnErrorStream(output: Output): QueueEvents {
  const events = new QueueEvents();
  events.subscribe((event) => {
    if (event.type === 'action-taken') {
      output.err(`${PROGRAM}: ${oneLine(describeAction(event))}\n`);
    }
  });
  return events;
}

/** @throws SchemaMismatchError when the tables of a database do not match; the error of a database only when all have failed. */
async function checkTables(databases: readonly CliDatabase[], schema: string): Promise<void> {
  const checked = await callDatabases(databases, ({ database }) =>
    inTime(
      STATEMENT_TIMEOUT_MS,
      database.transaction((run) => onSafePath(run, () => checkVersion(run, schema))),
    ),
  );
  const isMismatch = [...checked.errors.values()].some((error) => error instanceof SchemaMismatchError);
  if (isMismatch || checked.results.size === 0) {
    resultOf(checked, undefined);
  }
}

/** @throws UsageError for an unknown option, and for an option without its value. */
function parse(command: Command, args: string[]) {
  try {
    return parseArgs({ args, options: { ...command.options, ...COMMON }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function assertArguments(command: Command, given: readonly string[]): void {
  const [least, most] = command.arguments ?? [0, 0];
  if (given.length < least || given.length > most) {
    throw new UsageError(`usage: ${PROGRAM} ${command.usage}`);
  }
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`);
  return `Usage: ${PROGRAM} <command> [options]\n\nCommands:\n${lines.join('\n')}\n\n${COMMON_HELP}`;
}
