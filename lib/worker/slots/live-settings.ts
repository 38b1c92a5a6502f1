import type { RunnableKindOptions } from '../../task/kind-options.js';
import type { QueueEvents } from '../../events/queue-events.js';

/** The live options of a kind that its slots need: read again each time, with the last good value while one fails. */
export class LiveSettings {
  private slots: number | undefined;
  private periodMs = 1500;

  constructor(
    private readonly options: RunnableKindOptions,
    private readonly events: QueueEvents,
  ) {}

  /** The slots as they were last read. */
  get lastCapacity(): number {
    return this.slots ?? 0;
  }

  /** How many slots there are. */
  get capacity(): number {
    try {
      this.resize(this.options.workerCount());
    } catch (error) {
      this.reportInvalid(error);
    }
    return this.lastCapacity;
  }

  /** The fallback poll. */
  get fetcherPeriodMs(): number {
    try {
      this.periodMs = this.options.fetcherPeriodMs();
    } catch (error) {
      this.reportInvalid(error);
    }
    return this.periodMs;
  }

  reportInvalid(error: unknown): void {
    const { kind, name } = this.options;
    this.events.emit({ type: 'option-invalid', kind, name, error });
  }

  private resize(to: number): void {
    const from = this.slots;
    this.slots = to;
    if (from !== undefined && from !== to) {
      const { kind, name } = this.options;
      this.events.emit({ type: 'slots-resized', kind, name, from, to });
    }
  }
}
