import type { Shard } from '../../cluster/shard.js';
import { errorMessage } from '../../errors/error-message.js';
import type { QueueEvent, QueueEvents } from '../../events/queue-events.js';
import { ShardHealth } from './shard-health.js';

/** What the worker's events say of how it fares. */
export class WorkerHealth {
  /** `failed`: processing could not be started. */
  state: 'idle' | 'running' | 'stopped' | 'failed' = 'idle';
  /** Why it could not. */
  startError: string | undefined;
  readonly shards: readonly ShardHealth[];

  constructor(events: QueueEvents, shards: readonly Shard[]) {
    this.shards = shards.map((shard) => new ShardHealth(shard.name, shard.events));
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
