import { parseArgs } from 'node:util';
import pg from 'pg';
import { QueueAdmin } from '../admin/queue-admin.js';
import { PgDatabase } from '../storage/pg-database.js';
import { checkVersion } from '../storage/schema-check.js';
import { queueSql } from '../storage/sql/index.js';
import { errorMessage } from '../task/error-message.js';
import { QueueEvents, ShardEvents } from '../task/queue-events.js';
import { DEFAULT_SHARD } from '../task/shard.js';
import { InvalidOptionError } from '../task/task.errors.js';
import { cancelCommand, retryCommand } from './act.command.js';
import { type Command, EXIT, type ExitCode, UsageError, type Values } from './command.js';
import { explainCommand } from './explain.command.js';
import { migrateCommand } from './migrate.command.js';
import { oneLine, type Output } from './output.js';
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
const CONNECTION_TIMEOUT_MS = 10_000;

const COMMON = {
  schema: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const COMMON_HELP = `Options of every command:
  --schema <name>  the schema of the queue's tables, default public
  --json           one line of JSON per answer
  --help           this text

The database is the one that DATABASE_URL names.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing was found or changed.
`;

/** Runs one command. Never rejects: an error is one line on the error stream, and an exit code. */
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
  if (!databaseUrl) {
    throw new UsageError(
      'DATABASE_URL is not set: it names the database, postgres://user:password@host/name',
    );
  }
  const schema = values.schema ?? 'public';
  const sql = queueSql(schema);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    max: 2,
  });
  const database = new PgDatabase(pool);
  try {
    if (!command.withoutTables) {
      await database.transaction((run) => checkVersion(run, schema));
    }
    const admin = new QueueAdmin({
      database: () => database,
      sql: () => sql,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      nameOf: () => undefined,
      events: new ShardEvents(new QueueEvents(), DEFAULT_SHARD),
    });
    return await command.run({
      database,
      schema,
      admin,
      output,
      signal,
      json: values.json ?? false,
      values: values as Values,
      arguments: positionals,
    });
  } finally {
    await pool.end();
  }
}

/** @throws UsageError for an option that the command does not have, or one without its value. */
function parse(command: Command, args: string[]) {
  try {
    return parseArgs({ args, options: { ...command.options, ...COMMON }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function assertArguments(command: Command, given: readonly string[]): void {
  const [least, most] = command.arguments;
  if (given.length < least || given.length > most) {
    throw new UsageError(`usage: ${PROGRAM} ${command.usage}`);
  }
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`);
  return `Usage: ${PROGRAM} <command> [options]\n\nCommands:\n${lines.join('\n')}\n\n${COMMON_HELP}`;
}
