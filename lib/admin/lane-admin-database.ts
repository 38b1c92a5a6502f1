import type { Database } from '../storage/database.js';
import { LaneDatabase, type LaneOptions } from '../storage/lane-database.js';
import type { QueueSql } from '../storage/sql/index.js';
import type { EventSink } from '../events/queue-events.js';
import type { AdminDatabase } from './admin-database.js';

/** A database with connections of its own, so that its statements take none of the application's. */
export class LaneAdminDatabase implements AdminDatabase {
  readonly name: string;
  readonly events: EventSink;
  private readonly lanes: LaneDatabase[] = [];
  private opened: AdminDatabase['database'] | undefined;

  constructor(
    private readonly source: AdminDatabase,
    private readonly options: LaneOptions,
  ) {
    this.name = source.name;
    this.events = source.events;
  }

  idOf(id: string): string {
    return this.source.idOf(id);
  }

  get sql(): QueueSql {
    return this.source.sql;
  }

  /** Opened on first use, like the application's. */
  get database(): AdminDatabase['database'] {
    this.opened ??= this.open();
    return this.opened;
  }

  async close(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }

  private open(): AdminDatabase['database'] {
    const { database } = this.source;
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
