import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { AdminLane } from '../admin/admin-lane.js';
import type { QueueFigures } from '../admin/queue-overview.js';
import type { Overview, Refusal } from './dashboard-api.js';
import { MissingLog } from './missing-log.js';
import { StreamText } from './overview-event.js';
import { overviewOf } from './overview.js';
import { logRefused, refusalOf } from './refusal.js';
import type { Visitor } from './visitor.js';

/** One event of the stream. */
type FeedEvent =
  | { readonly name: 'overview'; readonly data: Overview }
  | { readonly name: 'trouble'; readonly data: Refusal };

/** Is sent each event, as far as he may see it. */
export interface Viewer {
  readonly visitor: Visitor;
  send(event: StreamText): void;
}

/** What one look came to, for each set of kinds that somebody may see written once. */
class FeedTexts {
  private readonly texts = new Map<string, StreamText>();

  constructor(private readonly told: Told) {}

  for({ kinds }: Visitor): StreamText {
    const key = kinds === null ? 'all' : [...kinds].toSorted((a, b) => a - b).join();
    let text = this.texts.get(key);
    if (!text) {
      const { name, data } = this.eventFor(kinds);
      text = new StreamText(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
      this.texts.set(key, text);
    }
    return text;
  }

  private eventFor(kinds: Visitor['kinds']): FeedEvent {
    return 'figures' in this.told
      ? { name: 'overview', data: overviewOf(this.told.figures, kinds) }
      : { name: 'trouble', data: this.told.trouble };
  }
}

type Told = { readonly figures: QueueFigures } | { readonly trouble: Refusal };

/** One of several shards that is silent for so long is in trouble too. */
const PATIENCE_MS = 5000;
/** Nobody waits for a lone one: its statements have their own time, and with tens of thousands of kinds need some of it. */
const LONE_PATIENCE_MS = 30_000;

const NEVER = new AbortController().signal;

/**
 * The overview, asked for once for all who look at it: every so often while somebody watches, and not at all when nobody does.
 */
export class OverviewFeed {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly log = new MissingLog();
  private readonly viewers = new Set<Viewer>();
  private asked: Promise<QueueFigures> | undefined;
  /** Somebody watches, or did until a moment ago. */
  private running = false;
  private last: FeedTexts | undefined;
  private inTrouble = false;

  constructor(
    private readonly lane: Pick<AdminLane, 'ask'>,
    private readonly periodMs: number,
    /** For how long what attempts came to is shown as it was. */
    private readonly activityMs: number,
  ) {}

  /** As it is now; those who ask at the same time share one answer. */
  async now({ kinds }: Pick<Visitor, 'kinds'>): Promise<Overview> {
    return overviewOf(await this.figures(), kinds);
  }

  /** Sends a viewer the last event, and every one from now on. @returns a function that ends it. */
  watch(viewer: Viewer): () => void {
    this.viewers.add(viewer);
    if (this.last) {
      viewer.send(this.last.for(viewer.visitor));
    }
    if (!this.running) {
      void this.run();
    }
    return () => this.viewers.delete(viewer);
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.viewers.size > 0) {
      const texts = new FeedTexts(await this.next());
      this.last = texts;
      for (const viewer of this.viewers) {
        viewer.send(texts.for(viewer.visitor));
      }
      await pause(this.periodMs, undefined, { ref: false });
    }
    this.running = false;
    this.last = undefined;
  }

  private async next(): Promise<Told> {
    try {
      const figures = await this.figures();
      this.onAnswer();
      return { figures };
    } catch (error) {
      return { trouble: this.onTrouble(error) };
    }
  }

  private onAnswer(): void {
    if (this.inTrouble) {
      this.inTrouble = false;
      this.logger.log('the overview: works again');
    }
  }

  /** One line for as long as it lasts; none where nobody watches any more, as at a shutdown. */
  private onTrouble(error: unknown): Refusal {
    const { status, refusal } = refusalOf(error);
    if (!this.inTrouble && this.viewers.size > 0) {
      this.inTrouble = true;
      logRefused('the overview', status, error);
    }
    return refusal;
  }

  private figures(): Promise<QueueFigures> {
    this.asked ??= this.ask().finally(() => {
      this.asked = undefined;
    });
    return this.asked;
  }

  /** For all who look, and so to the end, whoever leaves. */
  private async ask(): Promise<QueueFigures> {
    const { activityMs } = this;
    const figures = await this.lane.ask(NEVER, (admin) => {
      const patienceMs = admin.shardNames.length > 1 ? PATIENCE_MS : LONE_PATIENCE_MS;
      return admin.overview({ patienceMs, activityMs });
    });
    const missing = figures.shards.filter(({ failure }) => failure !== undefined);
    this.log.tell(missing.map(({ name, failure }) => [name, failure] as const));
    return figures;
  }
}
