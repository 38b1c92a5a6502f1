import { types } from 'node:util';
import type { QueueDatabase } from './queue-database.js';
import type { ShardsOptions } from './shards.options.js';
import { assertTransaction } from '../storage/executor.js';
import type { ShardKey } from '../task/task.js';
import { InvalidManagerError, InvalidTaskError } from '../errors/pg-queue.errors.js';
import type { Executor, Manager } from '../task/transaction.js';

/** What decides to which shard a task belongs. */
export interface ShardHints {
  readonly transaction: Manager | Executor | undefined;
  readonly shardKey: ShardKey | undefined;
}

/** The databases of the queue: one, unless the application spreads its data over shards. */
export class QueueDatabases {
  /** The names of the shards that take no new tasks. */
  readonly draining: ReadonlySet<string>;
  private readonly byName: ReadonlyMap<string, QueueDatabase>;

  /** @param rules absent for a queue without `shards`: everything belongs to its only one */
  constructor(
    readonly all: readonly QueueDatabase[],
    private readonly rules: ShardsOptions | undefined,
  ) {
    this.draining = new Set(rules?.draining);
    this.byName = new Map(all.map((shard) => [shard.name, shard]));
  }

  /** Whether the queue has the option `shards`, and so may have several. */
  get areNamed(): boolean {
    return this.rules !== undefined;
  }

  /** @throws InvalidOptionError when the application has no such DataSource, InvalidManagerError for one of another database. */
  open(): void {
    this.all.forEach((shard) => shard.open());
  }

  /** Closes the databases, when the application ends. */
  close(): void {
    this.all.forEach((shard) => shard.close());
  }

  /**
   * The shard that a task is pushed to: that of its transaction, or that of its key.
   * @throws InvalidTaskError where neither says it, and for a shard that is draining; InvalidManagerError where they disagree
   */
  routePush(hints: ShardHints, field = 'shardKey'): QueueDatabase {
    const shard = this.route(hints, field);
    if (!shard) {
      throw new InvalidTaskError(
        field,
        undefined,
        'must be given where the queue has several shards, or a manager of one of them',
      );
    }
    if (this.draining.has(shard.name)) {
      throw new InvalidTaskError(
        field,
        hints.shardKey,
        `must not lead to shard ${shard.name}, which is draining`,
      );
    }
    return shard;
  }

  /**
   * The shard that a transaction or a key means; undefined where neither is given, or a foreign transaction comes without a key.
   * @throws InvalidManagerError for a transaction of another shard than the key's
   */
  route({ transaction, shardKey }: ShardHints, field = 'shardKey'): QueueDatabase | undefined {
    if (!this.rules) {
      return this.all[0];
    }
    const keyed = shardKey === undefined ? undefined : this.ofKey(shardKey, field);
    const owner = transaction && this.ownerOf(transaction);
    if (owner && keyed && owner !== keyed) {
      throw new InvalidManagerError(
        `manager: is of shard ${owner.name}, but ${field} ${String(shardKey)} belongs to shard ${keyed.name}`,
      );
    }
    return owner ?? keyed;
  }

  /**
   * The shards that a cancel or a retry concerns: all, unless a transaction or a key means one.
   * @throws InvalidTaskError for a foreign transaction without a key
   */
  routeChange(hints: ShardHints): readonly QueueDatabase[] {
    const shard = this.route(hints);
    if (hints.transaction && !shard) {
      throw new InvalidTaskError(
        'shardKey',
        undefined,
        'must be given: nothing else says of which shard the transaction is',
      );
    }
    return shard ? [shard] : this.all;
  }

  private ofKey(key: ShardKey, field: string): QueueDatabase {
    const name = this.rules!.shardOf(key);
    const shard = this.byName.get(name);
    if (!shard) {
      throw new InvalidTaskError(
        field,
        key,
        `must belong to a shard, but shardOf returned ${types.isPromise(name) ? 'a promise' : JSON.stringify(name)}`,
      );
    }
    return shard;
  }

  /** @throws InvalidManagerError for a transaction that is of none of them. */
  private ownerOf(transaction: Manager | Executor): QueueDatabase | undefined {
    assertTransaction(transaction);
    const owners = this.all.map((shard) => [shard, shard.database.owns(transaction)] as const);
    const owner = owners.find(([, owns]) => owns)?.[0];
    if (!owner && owners.every(([, owns]) => owns === false)) {
      throw new InvalidManagerError(
        "manager: belongs to another DataSource than the queue. Pass the manager of a transaction in the queue's database.",
      );
    }
    return owner;
  }
}
