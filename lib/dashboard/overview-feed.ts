import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { QueueAdmin } from '../admin/queue-admin.js';
import { detached } from '../task/detached.js';
import type { Overview, Refusal } from './dashboard-api.js';
import { MissingLog } from './missing-log.js';
import { overviewOf } from './overview.js';
import { logRefused, refusalOf } from './refusal.js';

/** One event of the stream. */
type FeedEvent =
  | { readonly name: 'overview'; readonly data: Overview }
  | { readonly name: 'trouble'; readonly data: Refusal };

/** Told of each event as it is sent. */
export type Viewer = (text: string) => void;

/** A shard that is silent for so long is in trouble too. */
const PATIENCE_MS = 5000;

/**
 * The overview, asked for once for all who look at it: every so often while somebody watches, and not at all when nobody does.
 */
export class OverviewFeed {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly log = new MissingLog();
  private readonly viewers = new Set<Viewer>();
  private asked: Promise<Overview> | undefined;
  /** Somebody watches, or did until a moment ago. */
  private running = false;
  private last: string | undefined;
  private inTrouble = false;

  constructor(
    private readonly admin: QueueAdmin,
    private readonly periodMs: number,
    /** For how long what attempts came to is shown as it was. */
    private readonly activityMs: number,
    /** Calls what is done for all viewers, not only for the one who came first. */
    private readonly background: (work: () => void) => void = detached,
  ) {}

  /** As it is now; those who ask at the same time share one answer. */
  now(): Promise<Overview> {
    this.asked ??= this.ask().finally(() => {
      this.asked = undefined;
    });
    return this.asked;
  }

  /** Sends a viewer the last event, and every one from now on. @returns a function that ends it. */
  watch(viewer: Viewer): () => void {
    this.viewers.add(viewer);
    if (this.last) {
      viewer(this.last);
    }
    if (!this.running) {
      this.background(() => void this.run());
    }
    return () => this.viewers.delete(viewer);
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.viewers.size > 0) {
      const { name, data } = await this.next();
      this.last = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
      for (const viewer of this.viewers) {
        viewer(this.last);
      }
      await pause(this.periodMs, undefined, { ref: false });
    }
    this.running = false;
    this.last = undefined;
  }

  private async next(): Promise<FeedEvent> {
    try {
      const data = await this.now();
      this.onAnswer();
      return { name: 'overview', data };
    } catch (error) {
      return { name: 'trouble', data: this.onTrouble(error) };
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

  private async ask(): Promise<Overview> {
    const look = { patienceMs: PATIENCE_MS, activityMs: this.activityMs };
    const figures = await this.admin.overview(look);
    const missing = figures.shards.filter(({ failure }) => failure !== undefined);
    this.log.tell(missing.map(({ name, failure }) => [name, failure] as const));
    return overviewOf(figures);
  }
}
