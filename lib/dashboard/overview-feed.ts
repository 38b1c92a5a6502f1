import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { AdminLane } from '../cluster/admin/admin-lane.js';
import { detached } from '../timing/detached.js';
import type { Overview, ErrorResponse } from './dashboard-api.js';
import { UnreachableLog } from './unreachable-log.js';
import { StreamText } from './overview-event.js';
import { overviewOf } from './overview.js';
import { logRefused, refusalOf } from './error-response.js';
import type { KindSet, Visitor } from './visitor.js';

/** One event of the stream. */
type FeedEvent =
  | { readonly name: 'overview'; readonly data: Overview }
  | { readonly name: 'trouble'; readonly data: ErrorResponse };

/** Is sent each event, as far as he may see it. */
export interface Viewer {
  readonly visitor: Visitor;
  send(event: StreamText): void;
}

/** What is the same for all who may see the same kinds: made once. */
class PerKinds<T> {
  private readonly made = new Map<string, T>();

  constructor(private readonly make: (kinds: KindSet) => T) {}

  of(kinds: KindSet): T {
    const key = kinds === null ? 'all' : [...kinds].toSorted((a, b) => a - b).join();
    let found = this.made.get(key);
    if (found === undefined) {
      found = this.make(kinds);
      this.made.set(key, found);
    }
    return found;
  }
}

type Overviews = PerKinds<Overview>;
type Texts = PerKinds<StreamText>;

/** A shard that has not told all by then is in trouble. */
const PATIENCE_MS = 5000;

/** What takes long is asked for less often: so many times as long as it took there is a rest. */
const REST = 3;

const NEVER = new AbortController().signal;

/**
 * The overview, asked for once for all who look at it: every so often while somebody watches, and not at all when nobody does.
 */
export class OverviewFeed {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly log = new UnreachableLog();
  private readonly viewers = new Set<Viewer>();
  private asked: Promise<Overviews> | undefined;
  /** Somebody watches, or did until a moment ago. */
  private running = false;
  private last: Texts | undefined;
  private inTrouble = false;

  constructor(
    private readonly lane: Pick<AdminLane, 'ask'>,
    private readonly periodMs: number,
    /** For how long what attempts came to is shown as it was. */
    private readonly activityMs: number,
    /** Calls what is done for all viewers, not only for the one who came first. */
    private readonly background: (work: () => void) => void = detached,
  ) {}

  /** As it is now; those who ask at the same time share one answer. */
  async now({ kinds }: Pick<Visitor, 'kinds'>): Promise<Overview> {
    return (await this.overviews()).of(kinds);
  }

  /** Sends a viewer the last event, and every one from now on. @returns a function that ends it. */
  watch(viewer: Viewer): () => void {
    this.viewers.add(viewer);
    if (this.last) {
      viewer.send(this.last.of(viewer.visitor.kinds));
    }
    if (!this.running) {
      this.background(() => void this.run());
    }
    return () => this.viewers.delete(viewer);
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.viewers.size > 0) {
      const began = performance.now();
      const texts = await this.next();
      const restMs = (performance.now() - began) * REST;
      this.last = texts;
      for (const viewer of this.viewers) {
        viewer.send(texts.of(viewer.visitor.kinds));
      }
      await pause(Math.max(this.periodMs, restMs), undefined, { ref: false });
    }
    this.running = false;
    this.last = undefined;
  }

  private async next(): Promise<Texts> {
    try {
      const overviews = await this.overviews();
      this.onAnswer();
      return new PerKinds((kinds) => textOf({ name: 'overview', data: overviews.of(kinds) }));
    } catch (error) {
      const trouble = textOf({ name: 'trouble', data: this.onTrouble(error) });
      return new PerKinds(() => trouble);
    }
  }

  private onAnswer(): void {
    if (this.inTrouble) {
      this.inTrouble = false;
      this.logger.log('the overview: works again');
    }
  }

  /** One line for as long as it lasts; none where nobody watches any more, as at a shutdown. */
  private onTrouble(error: unknown): ErrorResponse {
    const { status, refusal } = refusalOf(error);
    if (!this.inTrouble && this.viewers.size > 0) {
      this.inTrouble = true;
      logRefused('the overview', status, error);
    }
    return refusal;
  }

  private overviews(): Promise<Overviews> {
    this.asked ??= this.ask().finally(() => {
      this.asked = undefined;
    });
    return this.asked;
  }

  /** For all who look, and so to the end, whoever leaves. */
  private async ask(): Promise<Overviews> {
    const look = { patienceMs: PATIENCE_MS, activityMs: this.activityMs };
    const figures = await this.lane.ask(NEVER, (admin) => admin.overview(look));
    const missing = figures.shards.filter(({ failure }) => failure !== undefined);
    this.log.tell(missing.map(({ name, failure }) => [name, failure] as const));
    return new PerKinds((kinds) => overviewOf(figures, kinds));
  }
}

function textOf({ name, data }: FeedEvent): StreamText {
  return new StreamText(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
