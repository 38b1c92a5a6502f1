import { errorMessage } from '../../errors/error-message.js';
import type { DatabaseEvents, QueueEvent, QueueEvents } from '../../events/queue-events.js';
import { DatabaseHealth } from './database-health.js';

/** The health of the worker process, from its events. */
export class WorkerHealth {
  /** `failed`: processing could not be started. */
  state: 'idle' | 'running' | 'stopped' | 'failed' = 'idle';
  /** Why processing could not be started. */
  startError: string | undefined;
  readonly databases: readonly DatabaseHealth[];

  constructor(
    events: QueueEvents,
    databases: readonly { readonly name: string; readonly events: DatabaseEvents }[],
  ) {
    this.databases = databases.map((database) => new DatabaseHealth(database.name, database.events));
    events.subscribe((event) => this.onEvent(event));
  }

  private onEvent(event: QueueEvent): void {
    switch (event.type) {
      case 'started':
        this.state = 'running';
        this.databases.forEach((database) => database.reset());
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
