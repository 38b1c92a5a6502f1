import pg from 'pg';
import { assertShardName, DEFAULT_SHARD, idPrefixOf } from '../cluster/shard-name.js';
import type { DatabaseAddress } from './cli-database.js';
import { UsageError } from './command.js';

/**
 * The databases that a command works in: those of `--shard`, else the one of DATABASE_URL.
 * @throws UsageError when there is no address, or one is invalid; InvalidOptionError for an invalid name
 */
export function databaseAddresses(
  given: readonly string[],
  databaseUrl: string | undefined,
): DatabaseAddress[] {
  if (given.length > 0) {
    return given.map((text, index) => addressOf(text, given.slice(0, index)));
  }
  if (!databaseUrl) {
    throw new UsageError(
      'DATABASE_URL is not set: it names the database, postgres://user:password@host/name; of several, each is named by --shard',
    );
  }
  assertAddress('DATABASE_URL', databaseUrl);
  return [{ name: DEFAULT_SHARD, idPrefix: idPrefixOf(DEFAULT_SHARD), url: databaseUrl }];
}

/** Messages never repeat an address, because it may contain a password. */
function addressOf(text: string, before: readonly string[]): DatabaseAddress {
  const end = text.indexOf('=');
  const [name, url] = [text.slice(0, end), text.slice(end + 1)];
  if (end < 0 || !/^postgres(ql)?:\/\//.test(url)) {
    throw new UsageError('--shard: must be <name>=<url>, such as eu-1=postgres://user@host/name');
  }
  assertShardName('--shard', name);
  assertAddress(`--shard ${name}`, url);
  if (before.some((other) => other.startsWith(`${name}=`))) {
    throw new UsageError(`--shard: ${name} is given twice. Name each shard once.`);
  }
  return { name, idPrefix: idPrefixOf(name), url };
}

/**
 * `pg` would take a text that is no URL for the name of a database on the default host, and its errors name no field.
 * @throws UsageError also when a file that the address names cannot be read, such as a certificate
 */
function assertAddress(field: string, address: string): void {
  try {
    if (/^(postgres(ql)?:\/\/|socket:|\/)/.test(address) && new pg.Client(address)) {
      return;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_INVALID_URL') {
      throw new UsageError(`${field}: ${message}`);
    }
  }
  throw new UsageError(
    `${field}: is no address such as postgres://user:password@host/name; characters such as # / ? @ of a password are written %23 %2F %3F %40`,
  );
}
