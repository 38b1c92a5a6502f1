import type { StoredWorker } from '../storage/admin.repository.js';
import type { StoredActivity } from '../task/activity.js';
import type { KindCounts } from '../task/task-view.js';
import type { ShardAdmin } from './shard-admin.js';

/** What an overview shows of a shard. */
export interface ShardFigures {
  readonly ageMs: number | null;
  readonly counts: readonly KindCounts[];
  readonly workers: readonly StoredWorker[];
  readonly pauses: ReadonlyMap<number, Date>;
  readonly activity: StoredActivity;
}

/** Looks at a shard for all who ask at the same time, so that one that hangs is asked for nothing more meanwhile. */
export class ShardLook {
  private looking: Promise<ShardFigures> | undefined;
  private lastActivity: StoredActivity | undefined;
  private activityUntil = 0;

  constructor(
    private readonly shard: ShardAdmin,
    private readonly minutes: number,
  ) {}

  /** @param activityMs for how long what attempts came to is shown as it was */
  now(activityMs: number): Promise<ShardFigures> {
    this.looking ??= this.look(activityMs).finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** One after the other: a look takes one of the application's connections. */
  private async look(activityMs: number): Promise<ShardFigures> {
    return {
      ageMs: await this.shard.age(),
      counts: await this.shard.counts(),
      workers: await this.shard.workers(),
      pauses: await this.shard.pauses(),
      activity: await this.activity(activityMs),
    };
  }

  /** Worker processes tell of it every 10 s, and it costs more than all the rest: it may be a little older. */
  private async activity(activityMs: number): Promise<StoredActivity> {
    if (!this.lastActivity || performance.now() >= this.activityUntil) {
      this.lastActivity = await this.shard.activity(this.minutes);
      this.activityUntil = performance.now() + activityMs;
    }
    return this.lastActivity;
  }
}
