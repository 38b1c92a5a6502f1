import type { Shard } from '../../cluster/shard.js';
import { errorMessage } from '../../errors/error-message.js';
import type { QueueEvent, QueueEvents } from '../../events/queue-events.js';
import { ShardSigns } from './shard-signs.js';

/** What the worker's events say of how it fares. */
export class WorkerSigns {
  /** `failed`: processing could not be started. */
  state: 'idle' | 'running' | 'stopped' | 'failed' = 'idle';
  /** Why it could not. */
  startError: string | undefined;
  readonly shards: readonly ShardSigns[];

  constructor(events: QueueEvents, shards: readonly Shard[]) {
    this.shards = shards.map((shard) => new ShardSigns(shard.name, shard.events));
    events.subscribe((event) => this.onEvent(event));
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'started':
        this.state = 'running';
        this.shards.forEach((shard) => shard.reset());
        break;
      case 'start-failed':
        this.state = 'failed';
        this.startError = errorMessage(event.error);
        break;
      case 'stopped':
        this.state = 'stopped';
        break;
      default:
    }
  }
}
