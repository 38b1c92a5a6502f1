import type { StoredWorker } from '../storage/stored-worker.js';
import type { ServerMoment } from '../storage/server-moment.js';
import type { StoredActivity } from '../inspect/activity.js';
import { inTime } from '../timing/in-time.js';
import type { KindCounts } from '../inspect/task-view.js';
import type { ShardAdmin } from './database-admin.js';

/** How long a look may take, and how old a part of it may be, in ms. */
export interface Look {
  /** A shard that has not told all by then is left out. */
  readonly patienceMs: number;
  /** For how long what attempts came to is shown as it was. */
  readonly activityMs: number;
}

/** What an overview shows of a shard. */
export interface ShardFigures {
  readonly moment: ServerMoment;
  readonly counts: readonly KindCounts[];
  readonly workers: readonly StoredWorker[];
  readonly pauses: ReadonlyMap<number, Date>;
  readonly activity: StoredActivity;
}

/** So many kinds have their minutes in an overview; of more, those that fail first. */
const MOST_KINDS = 500;
/** So many kinds with open tasks are counted, with broken ones, and with finished ones: of more, a sample tells. */
const MOST_COUNTED = 10_000;

/** Looks at a shard for all who ask at the same time, so that one that hangs is asked for nothing more meanwhile. */
export class ShardLook {
  private looking: Promise<ShardFigures> | undefined;
  /** Of the look that goes on, once it was given up. */
  private late: unknown;
  private lastActivity: StoredActivity | undefined;
  private activityUntil = 0;

  constructor(
    private readonly shard: ShardAdmin,
    private readonly minutes: number,
  ) {}

  /**
   * A look that was given up is not waited for again until it has ended.
   * @throws NoAnswerError when it takes longer
   */
  async now({ patienceMs, activityMs }: Look): Promise<ShardFigures> {
    if (this.late) {
      throw this.late;
    }
    this.looking ??= this.look(activityMs).finally(() => {
      this.looking = undefined;
      this.late = undefined;
    });
    const { looking } = this;
    try {
      return await inTime(patienceMs, looking);
    } catch (error) {
      this.late = this.looking === looking ? error : undefined;
      throw error;
    }
  }

  /** One after the other: a look takes one of the application's connections. */
  private async look(activityMs: number): Promise<ShardFigures> {
    return {
      moment: await this.shard.moment(),
      counts: await this.shard.counts(MOST_COUNTED),
      workers: await this.shard.workers(),
      pauses: await this.shard.pauses(),
      activity: await this.activity(activityMs),
    };
  }

  /** Worker processes tell of it every 10 s, and it costs more than all the rest: it may be a little older. */
  private async activity(activityMs: number): Promise<StoredActivity> {
    if (!this.lastActivity || performance.now() >= this.activityUntil) {
      this.lastActivity = await this.shard.activity(this.minutes, MOST_KINDS);
      this.activityUntil = performance.now() + activityMs;
    }
    return this.lastActivity;
  }
}
