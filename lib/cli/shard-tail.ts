import type { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { errorMessage } from '../errors/error-message.js';
import { splitTaskId } from '../task/task-id.js';
import { statusesOfClass } from '../task/task-status.js';
import type { TaskFilter } from '../inspect/task-filter.js';
import type { TaskSummary } from '../inspect/task-view.js';

/** Something that two looks at the tables differ by. */
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
/** A transaction may take so long from the time that it writes down to its commit. */
const LATE_COMMIT_MS = 10_000;

const ENDED: TaskFilter[] = [{ status: statusesOfClass('finished') }, { status: statusesOfClass('broken') }];

/** Tells what has changed in a shard since the last look, by asking for the newest of each sort. */
export class ShardTail {
  /** Of the last look; ids below the floor were on no page of it. */
  private pushedBefore = { ids: new Set<string>(), floor: 0n };
  private readonly ends = ENDED.map(() => ({ seen: new Set<string>(), latest: null as number | null }));
  private hasLooked = false;
  isDown = false;

  constructor(
    private readonly admin: QueueAdmin,
    private readonly shard: string,
  ) {}

  /**
   * The first look tells nothing of tasks: there is none to compare it with. A shard that can't be asked is an event too, once;
   * what has changed meanwhile is told when it can.
   */
  async look(): Promise<TailEvent[]> {
    const events: TailEvent[] = [];
    const news = () => (this.hasLooked ? events : []);
    try {
      events.push(...(await this.pushed()));
      events.push(...(await this.ended()));
      const told = [...this.changeTo(false, this.shard), ...news()];
      this.hasLooked = true;
      return told;
    } catch (error) {
      return [...news(), ...this.changeTo(true, `${this.shard}: ${errorMessage(error)}`)];
    }
  }

  private changeTo(isDown: boolean, text: string): TailEvent[] {
    const isNews = isDown !== this.isDown;
    this.isDown = isDown;
    return isNews ? [{ event: isDown ? 'shard-down' : 'shard-up', at: new Date(), text }] : [];
  }

  private async pushed(): Promise<TailEvent[]> {
    const { tasks } = await this.admin.list({ shard: this.shard }, { limit: MAX_SHOWN });
    const { ids, floor } = this.pushedBefore;
    this.pushedBefore = {
      ids: new Set(tasks.map(({ id }) => id)),
      floor: tasks.length < MAX_SHOWN ? 0n : numberOf(tasks.at(-1)!),
    };
    // A transaction that commits late has lower ids than what was told already.
    const events = tasks
      .filter((task) => numberOf(task) > floor && !ids.has(task.id))
      .map((task) => eventOf('pushed', task.createdAt, task));
    return withRest(events);
  }

  /** Nothing counts as seen before all of it could be asked. */
  private async ended(): Promise<TailEvent[]> {
    const pages: (readonly TaskSummary[])[] = [];
    for (const filter of ENDED) {
      const { tasks } = await this.admin.list({ ...filter, shard: this.shard }, { limit: MAX_SHOWN });
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

/** A full page may have left some out. */
function withRest(events: TailEvent[]): TailEvent[] {
  const text = `more than ${MAX_SHOWN} since the last look: the others are not shown`;
  return events.length < MAX_SHOWN
    ? events
    : [...events, { event: 'not-shown', at: events.at(-1)!.at, text }];
}

const endOf = ({ finishedAt, createdAt }: TaskSummary): number => (finishedAt ?? createdAt).getTime();

const keyOf = (task: TaskSummary): string => `${task.id} ${endOf(task)}`;

const numberOf = ({ id }: TaskSummary): bigint => BigInt(splitTaskId(id).id);
