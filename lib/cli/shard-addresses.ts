import { assertShardName, DEFAULT_SHARD } from '../task/shard.js';
import type { ShardAddress } from './cli-shard.js';
import { UsageError } from './command.js';

/**
 * The databases that a command works in: those of `--shard`, or else the one of DATABASE_URL.
 * @throws UsageError when none is named, InvalidOptionError for a bad name
 */
export function shardAddresses(given: readonly string[], databaseUrl: string | undefined): ShardAddress[] {
  if (given.length > 0) {
    return given.map((text, index) => addressOf(text, given.slice(0, index)));
  }
  if (!databaseUrl) {
    throw new UsageError(
      'DATABASE_URL is not set: it names the database, postgres://user:password@host/name; of several, each is named by --shard',
    );
  }
  return [{ name: DEFAULT_SHARD, url: databaseUrl }];
}

/** An address may hold a password, and so is not repeated in messages. */
function addressOf(text: string, before: readonly string[]): ShardAddress {
  const end = text.indexOf('=');
  const [name, url] = [text.slice(0, end), text.slice(end + 1)];
  if (end < 0 || !/^postgres(ql)?:\/\//.test(url)) {
    throw new UsageError('--shard: must be <name>=<url>, such as eu-1=postgres://user@host/name');
  }
  assertShardName('--shard', name);
  if (before.some((other) => other.startsWith(`${name}=`))) {
    throw new UsageError(`--shard: ${name} is there twice`);
  }
  return { name, url };
}
