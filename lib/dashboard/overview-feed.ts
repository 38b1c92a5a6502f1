import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { AdminLane } from '../cluster/admin/admin-lane.js';
import { detached } from '../timing/detached.js';
import type { Overview, ErrorResponse } from './dashboard-api.js';
import { StreamText } from './overview-event.js';
import { failuresOf, overviewOf } from './overview.js';
import { errorResponseOf, logFailure } from './error-response.js';
import { PartialFailures } from './partial-failures.js';
import type { KindSet, Visitor } from './visitor.js';

/** A visitor who watches the overview; `send` gets each event with the kinds that the visitor may see. */
export interface Viewer {
  readonly visitor: Visitor;
  send(event: StreamText): void;
}

/** Makes a value once for all visitors who may see the same kinds. */
class PerKinds<T> {
  private readonly made = new Map<string, T>();

  constructor(private readonly make: (kinds: KindSet) => T) {}

  of(kinds: KindSet): T {
    const key = kinds === null ? 'all' : [...kinds].toSorted((a, b) => a - b).join();
    const value = this.made.get(key) ?? this.make(kinds);
    this.made.set(key, value);
    return value;
  }
}

type Overviews = PerKinds<Overview>;
type Texts = PerKinds<StreamText>;

/** A database that has not answered within this time is missing in the overview. */
const PATIENCE_MS = 5000;

/** After a read that took long, the next one waits this many times as long. */
const REST_FACTOR = 3;

const NEVER = new AbortController().signal;

/** Reads the overview once for all visitors: periodically while a visitor watches it, and never while no visitor does. */
export class OverviewFeed {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly failures = new PartialFailures();
  private readonly viewers = new Set<Viewer>();
  private reading: Promise<Overviews> | undefined;
  /** Whether the periodic reads go on: a visitor watches, or did until the last read. */
  private running = false;
  private last: Texts | undefined;
  private inTrouble = false;

  constructor(
    private readonly lane: Pick<AdminLane, 'run'>,
    private readonly periodMs: number,
    /** How old the activity may be. */
    private readonly activityMs: number,
    /** Calls `work` outside of the request of the viewer who came first, because it serves all viewers. */
    private readonly background: (work: () => void) => void = detached,
  ) {}

  /** Reads the overview; calls at the same time share one read. */
  async now({ kinds }: Pick<Visitor, 'kinds'>): Promise<Overview> {
    return (await this.overviews()).of(kinds);
  }

  /** Sends a viewer the last event, and each new one. @returns a function that ends this */
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
      const restMs = (performance.now() - began) * REST_FACTOR;
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
      if (this.inTrouble) {
        this.inTrouble = false;
        this.logger.log('the overview: works again');
      }
      return new PerKinds((kinds) => textOf('overview', overviews.of(kinds)));
    } catch (error) {
      const { status, body } = errorResponseOf(error);
      // One line is logged when the trouble begins, unless no visitor watches any more, as at a shutdown.
      if (!this.inTrouble && this.viewers.size > 0) {
        this.inTrouble = true;
        logFailure('the overview', status, error);
      }
      const trouble = textOf('trouble', body);
      return new PerKinds(() => trouble);
    }
  }

  private overviews(): Promise<Overviews> {
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  /** Serves all visitors, and so is never aborted when one of them leaves. */
  private async read(): Promise<Overviews> {
    const limits = { patienceMs: PATIENCE_MS, activityMs: this.activityMs };
    const figures = await this.lane.run(NEVER, (admin) => admin.overview(limits));
    this.failures.log(failuresOf(figures));
    return new PerKinds((kinds) => overviewOf(figures, kinds));
  }
}

function textOf(event: 'overview' | 'trouble', data: Overview | ErrorResponse): StreamText {
  return new StreamText(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
