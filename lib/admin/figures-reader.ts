import type { StoredActivity } from '../inspect/activity.js';
import type { ServerMoment } from '../storage/server-moment.js';
import { inTime } from '../timing/timeout.js';
import type { DatabaseAdmin, DatabaseFigures } from './database-admin.js';

/** How long a read may take, and how old the activity may be, in ms. */
export interface FiguresLimits {
  /** A database that has not answered within this time is left out. */
  readonly patienceMs: number;
  /** The activity that was read last is returned again for this long. */
  readonly activityMs: number;
}

/** The figures of a database that an overview shows. */
export interface OverviewFigures extends DatabaseFigures {
  readonly moment: ServerMoment;
  readonly activity: StoredActivity;
}

/** The minutes of this many kinds are read for an overview: of those that fail first. */
const MOST_KINDS = 500;
/** This many kinds are counted of each class of statuses; the tasks of further kinds are estimated from the sample. */
const MOST_COUNTED = 10_000;

/** Shares one read of a database among all callers that wait at the same time, so that a database that hangs gets no more statements. */
export class FiguresReader {
  private reading: Promise<OverviewFigures> | undefined;
  /** The timeout error of the read that still runs although no caller waits for it; undefined when there is none. */
  private timedOut: unknown;
  private lastActivity: StoredActivity | undefined;
  private activityUntil = 0;

  constructor(
    private readonly admin: DatabaseAdmin,
    private readonly minutes: number,
  ) {}

  /**
   * After a timeout, further calls throw the same error until the read has ended.
   * @throws NoAnswerError when it takes longer
   */
  async read({ patienceMs, activityMs }: FiguresLimits): Promise<OverviewFigures> {
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

  private async readAll(activityMs: number): Promise<OverviewFigures> {
    return {
      moment: await this.admin.moment(),
      ...(await this.admin.figures(MOST_COUNTED)),
      activity: await this.activity(activityMs),
    };
  }

  /** Reading the activity costs more than all other figures, and worker processes write it every 10 s: it may be a little older. */
  private async activity(activityMs: number): Promise<StoredActivity> {
    if (!this.lastActivity || performance.now() >= this.activityUntil) {
      this.lastActivity = await this.admin.activity(this.minutes, MOST_KINDS);
      this.activityUntil = performance.now() + activityMs;
    }
    return this.lastActivity;
  }
}
