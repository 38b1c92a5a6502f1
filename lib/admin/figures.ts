import type { StoredWorker } from '../storage/stored-worker.js';
import type { ServerMoment } from '../storage/server-moment.js';
import type { StoredActivity } from '../inspect/activity.js';
import { inTime } from '../timing/timeout.js';
import type { KindCounts } from '../inspect/task-view.js';
import type { DatabaseAdmin } from './database-admin.js';

/** How long reading may take, and how old a part of the figures may be, in ms. */
export interface FiguresLimits {
  /** A database that has not answered by then is left out. */
  readonly patienceMs: number;
  /** For how long what attempts came to is shown as it was. */
  readonly activityMs: number;
}

/** What an overview shows of a database. */
export interface DatabaseFigures {
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

/** Reads the figures of a database once for all who ask at the same time, so that a database that hangs is asked for nothing more meanwhile. */
export class FiguresReader {
  private reading: Promise<DatabaseFigures> | undefined;
  /** The time-out error of the reading that goes on although nobody waits for it any more; undefined while somebody does. */
  private timedOut: unknown;
  private lastActivity: StoredActivity | undefined;
  private activityUntil = 0;

  constructor(
    private readonly admin: DatabaseAdmin,
    private readonly minutes: number,
  ) {}

  /**
   * A reading that was given up is not waited for again until it has ended.
   * @throws NoAnswerError when it takes longer
   */
  async read({ patienceMs, activityMs }: FiguresLimits): Promise<DatabaseFigures> {
    if (this.timedOut) {
      throw this.timedOut;
    }
    this.reading ??= this.readAll(activityMs).finally(() => {
      this.reading = undefined;
      this.timedOut = undefined;
    });
    const { reading } = this;
    try {
      return await inTime(patienceMs, reading);
    } catch (error) {
      this.timedOut = this.reading === reading ? error : undefined;
      throw error;
    }
  }

  /** One after the other: each statement takes one of the application's connections. */
  private async readAll(activityMs: number): Promise<DatabaseFigures> {
    return {
      moment: await this.admin.moment(),
      counts: await this.admin.counts(MOST_COUNTED),
      workers: await this.admin.workers(),
      pauses: await this.admin.pauses(),
      activity: await this.activity(activityMs),
    };
  }

  /** Worker processes tell of it every 10 s, and it costs more than all the rest: it may be a little older. */
  private async activity(activityMs: number): Promise<StoredActivity> {
    if (!this.lastActivity || performance.now() >= this.activityUntil) {
      this.lastActivity = await this.admin.activity(this.minutes, MOST_KINDS);
      this.activityUntil = performance.now() + activityMs;
    }
    return this.lastActivity;
  }
}
