import type { FiguresSnapshot } from '../cluster/admin/cluster-snapshots.js';
import type { EventSink } from '../events/queue-events.js';
import type { ClusterView } from './cluster-view.js';

/** When a snapshot is overdue or missing, it is read again after this share of the period. */
const OVERDUE_SHARE = 0.1;

/** Keeps the view of one database up to date. Each database has a refresher, so that one that hangs delays no other. */
export class ViewRefresher {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    readonly view: ClusterView,
    private readonly snapshots: FiguresSnapshot,
    private readonly periodMs: number,
    private readonly events: EventSink,
  ) {}

  start(): void {
    void this.refresh();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Never rejects. While the database cannot be read, the values stay and their age grows. */
  private async refresh(): Promise<void> {
    let dueMs = this.periodMs;
    try {
      const found = await this.snapshots.read(this.periodMs);
      this.view.onRead(found);
      dueMs = Math.max(this.periodMs * OVERDUE_SHARE, found ? this.periodMs - found.ageMs : 0);
    } catch (error) {
      if (!this.stopped) {
        this.view.onFailed();
        this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      }
    }
    if (!this.stopped) {
      // The random part spreads the processes: the first of them takes the next snapshot.
      this.timer = setTimeout(() => void this.refresh(), dueMs * (1 + OVERDUE_SHARE * Math.random())).unref();
    }
  }
}
