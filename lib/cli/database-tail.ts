import type { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { errorMessage } from '../errors/error-message.js';
import { splitTaskId } from '../task/task-id.js';
import { statusesOfClass } from '../task/task-status.js';
import type { TaskFilter } from '../inspect/task-filter.js';
import type { TaskSummary } from '../inspect/task-view.js';

/** A difference between two polls of the tables. */
export interface TailEvent {
  readonly event:
    | 'pushed'
    | 'succeeded'
    | 'cancelled'
    | 'no_attempts_left'
    | 'worker-started'
    | 'worker-ended'
    | 'paused'
    | 'resumed'
    | 'shard-down'
    | 'shard-up'
    | 'not-shown';
  readonly at: Date;
  readonly text: string;
  readonly task?: TaskSummary;
}

const MAX_SHOWN = 200;
/** The longest time between the timestamp that a transaction writes and its commit. */
const LATE_COMMIT_MS = 10_000;

const ENDED: TaskFilter[] = [{ status: statusesOfClass('finished') }, { status: 'no_attempts_left' }];

/** Reports what has changed in one database since the last poll, by reading the newest tasks of each list. */
export class DatabaseTail {
  /** The ids that the last poll has read, and the lowest id of its page: it has not read lower ids. */
  private pushedBefore = { ids: new Set<string>(), floor: 0n };
  private readonly ends = ENDED.map(() => ({ seen: new Set<string>(), latest: null as number | null }));
  private hasPolled = false;
  isDown = false;

  constructor(
    private readonly admin: QueueAdmin,
    private readonly name: string,
  ) {}

  /**
   * The first poll returns no events of tasks, because there is no earlier one to compare it with. A database that becomes unreachable
   * is one event. What changes until it is reachable again is reported then.
   */
  async poll(): Promise<TailEvent[]> {
    const events: TailEvent[] = [];
    const news = () => (this.hasPolled ? events : []);
    try {
      events.push(...(await this.pushed()));
      events.push(...(await this.ended()));
      const reported = [...this.changeTo(false, this.name), ...news()];
      this.hasPolled = true;
      return reported;
    } catch (error) {
      return [...news(), ...this.changeTo(true, `${this.name}: ${errorMessage(error)}`)];
    }
  }

  private changeTo(isDown: boolean, text: string): TailEvent[] {
    const isNews = isDown !== this.isDown;
    this.isDown = isDown;
    return isNews ? [{ event: isDown ? 'shard-down' : 'shard-up', at: new Date(), text }] : [];
  }

  private async pushed(): Promise<TailEvent[]> {
    const { tasks } = await this.admin.list({ shard: this.name }, { limit: MAX_SHOWN });
    const { ids, floor } = this.pushedBefore;
    this.pushedBefore = {
      ids: new Set(tasks.map(({ id }) => id)),
      floor: tasks.length < MAX_SHOWN ? 0n : numberOf(tasks.at(-1)!),
    };
    // The tasks of a transaction that commits late have lower ids than tasks that were reported before.
    const events = tasks
      .filter((task) => numberOf(task) > floor && !ids.has(task.id))
      .map((task) => eventOf('pushed', task.createdAt, task));
    return withRest(events);
  }

  /** Marks tasks as seen only after both lists were read. */
  private async ended(): Promise<TailEvent[]> {
    const pages: (readonly TaskSummary[])[] = [];
    for (const filter of ENDED) {
      const { tasks } = await this.admin.list({ ...filter, shard: this.name }, { limit: MAX_SHOWN });
      pages.push(tasks);
    }
    return pages.flatMap((tasks, index) => withRest(this.endedOf(index, tasks)));
  }

  private endedOf(index: number, tasks: readonly TaskSummary[]): TailEvent[] {
    const { seen, latest } = this.ends[index]!;
    const from = latest === null ? Number.NEGATIVE_INFINITY : latest - LATE_COMMIT_MS;
    const news = tasks.filter((task) => endOf(task) >= from && !seen.has(keyOf(task)));
    this.ends[index] = {
      seen: new Set(tasks.map(keyOf)),
      latest: tasks.reduce<number | null>((last, task) => Math.max(last ?? 0, endOf(task)), latest),
    };
    return news.map((task) => eventOf(task.status as TailEvent['event'], new Date(endOf(task)), task));
  }
}

function eventOf(event: TailEvent['event'], at: Date, task: TaskSummary): TailEvent {
  const { id, name, externalKey, lastError } = task;
  const key = externalKey === null ? '' : ` key ${JSON.stringify(externalKey)}`;
  const why = event === 'no_attempts_left' && lastError !== null ? `: ${lastError}` : '';
  return { event, at, text: `task ${id} ${name}${key}${why}`, task };
}

/** A full page may leave tasks out. */
function withRest(events: TailEvent[]): TailEvent[] {
  const text = `more than ${MAX_SHOWN} since the last look: the others are not shown`;
  return events.length < MAX_SHOWN
    ? events
    : [...events, { event: 'not-shown', at: events.at(-1)!.at, text }];
}

const endOf = ({ finishedAt, createdAt }: TaskSummary): number => (finishedAt ?? createdAt).getTime();

const keyOf = (task: TaskSummary): string => `${task.id} ${endOf(task)}`;

const numberOf = ({ id }: TaskSummary): bigint => BigInt(splitTaskId(id).id);
