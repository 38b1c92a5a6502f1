import type { Database } from '../storage/database.js';
import { LaneDatabase, type LaneOptions } from '../storage/lane-database.js';
import type { QueueSql } from '../storage/sql/index.js';
import type { ShardEventSink } from '../events/queue-events.js';
import type { AdminShard } from './admin-database.js';

/** A shard that is asked on connections apart from the application's. */
export class LaneShard implements AdminShard {
  readonly name: string;
  readonly events: ShardEventSink;
  private readonly lanes: LaneDatabase[] = [];
  private opened: AdminShard['database'] | undefined;

  constructor(
    private readonly shard: AdminShard,
    private readonly options: LaneOptions,
  ) {
    this.name = shard.name;
    this.events = shard.events;
  }

  idOf(id: string): string {
    return this.shard.idOf(id);
  }

  get sql(): QueueSql {
    return this.shard.sql;
  }

  /** Found when it is first used, as the application's. */
  get database(): AdminShard['database'] {
    this.opened ??= this.open();
    return this.opened;
  }

  async close(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }

  private open(): AdminShard['database'] {
    const { database } = this.shard;
    const { replica } = database;
    return {
      transaction: this.lane(() => database),
      replica: replica && {
        transaction: this.lane(() => replica),
        connectionOptions: () => replica.connectionOptions(),
      },
      prepare: () => database.prepare(),
      connectionOptions: () => database.connectionOptions(),
    };
  }

  private lane(server: () => Pick<Database, 'connectionOptions'>): Database['transaction'] {
    const lane = new LaneDatabase(server, this.options);
    this.lanes.push(lane);
    return lane.transaction;
  }
}
