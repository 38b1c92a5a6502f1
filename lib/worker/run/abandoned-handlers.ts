import type { DatabaseEvent } from '../../events/queue-events.js';
import type { TaskOrigin } from '../task-origin.js';
import type { Attempt } from './attempt.js';

/** The tasks of one database whose handlers outlived their attempts, in whatever run of processing: no second handler of theirs starts beside them. */
export class AbandonedTasks {
  private readonly ids = new Set<number>();

  has(taskId: number): boolean {
    return this.ids.has(taskId);
  }

  add(taskId: number): void {
    this.ids.add(taskId);
  }

  delete(taskId: number): void {
    this.ids.delete(taskId);
  }
}

export interface AbandonedHandlersDeps {
  readonly kind: number;
  readonly name: string;
  readonly origin: TaskOrigin;
  readonly tasks: AbandonedTasks;
  tell(event: DatabaseEvent): void;
}

/** The handlers of one kind that outlived their attempts. */
export class AbandonedHandlers {
  /** How many there are. */
  count = 0;
  /** Those of them that were told of: one that ends within the turn of its signal is not. */
  private told = 0;

  constructor(private readonly deps: AbandonedHandlersDeps) {}

  add(attempt: Attempt): void {
    this.deps.tasks.add(attempt.id);
    this.count++;
    // A handler that heeds its signal ends within this turn.
    setImmediate(() => {
      if (attempt.state === 'abandoned') {
        attempt.reported = true;
        this.told++;
        this.tell('handler-abandoned', attempt);
      }
    });
  }

  ended(attempt: Attempt): void {
    this.deps.tasks.delete(attempt.id);
    this.count--;
    if (attempt.reported) {
      this.told--;
      this.tell('abandoned-handler-ended', attempt);
    }
  }

  private tell(type: 'handler-abandoned' | 'abandoned-handler-ended', { id, number }: Attempt): void {
    const { kind, name, origin, tell } = this.deps;
    tell({ type, kind, name, id: origin.idOf(id), attempt: number, abandoned: this.told });
  }
}
