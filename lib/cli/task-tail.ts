import type { QueueAdmin } from '../admin/queue-admin.js';
import type { TaskFilter } from '../task/task-filter.js';
import type { TaskSummary } from '../task/task-view.js';

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
    | 'not-shown';
  readonly at: Date;
  readonly text: string;
  readonly task?: TaskSummary;
}

const MAX_SHOWN = 200;
/** A transaction may take so long from the time that it writes down to its commit. */
const LATE_COMMIT_MS = 10_000;

const ENDED: TaskFilter[] = [{ status: ['succeeded', 'cancelled'] }, { status: 'no_attempts_left' }];

/** Tells what has changed since the last look, by asking for the newest of each sort. */
export class TaskTail {
  private newestId: bigint | null = null;
  private readonly ends = ENDED.map(() => ({ seen: new Set<string>(), latest: null as number | null }));
  private workers: Map<number, string> | null = null;
  private paused: Map<number, string> | null = null;

  constructor(private readonly admin: QueueAdmin) {}

  /** The first look tells nothing: there is none to compare it with. */
  async look(): Promise<TailEvent[]> {
    const isFirst = this.newestId === null;
    const events = [...(await this.pushed()), ...(await this.ended()), ...(await this.processes())];
    return isFirst ? [] : events.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  }

  private async pushed(): Promise<TailEvent[]> {
    const { tasks } = await this.admin.list({}, { limit: MAX_SHOWN });
    const before = this.newestId ?? 0n;
    this.newestId = tasks.reduce((newest, { id }) => (BigInt(id) > newest ? BigInt(id) : newest), before);
    const events = tasks
      .filter(({ id }) => BigInt(id) > before)
      .map((task) => eventOf('pushed', task.createdAt, task));
    return withRest(events);
  }

  private async ended(): Promise<TailEvent[]> {
    const events: TailEvent[] = [];
    for (const [index, filter] of ENDED.entries()) {
      const { tasks } = await this.admin.list(filter, { limit: MAX_SHOWN });
      const last = this.ends[index]!;
      const from = last.latest === null ? Number.NEGATIVE_INFINITY : last.latest - LATE_COMMIT_MS;
      const news = tasks.filter((task) => endOf(task) >= from && !last.seen.has(keyOf(task)));
      events.push(
        ...withRest(
          news.map((task) => eventOf(task.status as TailEvent['event'], new Date(endOf(task)), task)),
        ),
      );
      this.ends[index] = {
        seen: new Set(tasks.map(keyOf)),
        latest: tasks.reduce<number | null>(
          (latest, task) => Math.max(latest ?? 0, endOf(task)),
          last.latest,
        ),
      };
    }
    return events;
  }

  private async processes(): Promise<TailEvent[]> {
    const workers = await this.admin.workers();
    const kinds = await this.admin.kinds();
    const present = new Map(workers.map(({ leaseId, worker }) => [leaseId, worker]));
    const paused = new Map(kinds.filter(({ pausedAt }) => pausedAt).map(({ kind, name }) => [kind, name]));
    const events = [
      ...changes(this.workers, present, 'worker-started', 'worker-ended'),
      ...changes(this.paused, paused, 'paused', 'resumed'),
    ];
    this.workers = present;
    this.paused = paused;
    return events;
  }
}

function changes(
  before: ReadonlyMap<number, string> | null,
  now: ReadonlyMap<number, string>,
  came: TailEvent['event'],
  went: TailEvent['event'],
): TailEvent[] {
  const at = new Date();
  return [
    ...missing(now, before ?? now).map((text) => ({ event: came, at, text })),
    ...missing(before ?? now, now).map((text) => ({ event: went, at, text })),
  ];
}

function missing(from: ReadonlyMap<number, string>, others: ReadonlyMap<number, string>): string[] {
  return [...from].filter(([id]) => !others.has(id)).map(([, text]) => text);
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
