import type { EventSink } from '../../events/queue-events.js';
import type { KindName } from '../../task/task-name.js';
import type { TaskOrigin } from '../task-origin.js';
import type { Attempt } from './attempt.js';

/** The ids of the tasks of one database whose handlers outlived their attempts, in whatever run of processing: no second handler of theirs starts beside them. */
export class AbandonedTasks extends Set<number> {}

/** The handlers of one kind that outlived their attempts. */
export class AbandonedHandlers {
  /** How many there are. */
  count = 0;
  /** How many of them an event has reported: a handler that ends within the turn of its signal is not reported. */
  private reported = 0;

  constructor(
    private readonly of: KindName,
    private readonly tasks: AbandonedTasks,
    private readonly origin: TaskOrigin,
    private readonly events: EventSink,
  ) {}

  add(attempt: Attempt): void {
    this.tasks.add(attempt.id);
    this.count++;
    // A handler that obeys its signal ends within this turn.
    setImmediate(() => {
      if (attempt.state === 'abandoned') {
        attempt.reported = true;
        this.reported++;
        this.report('handler-abandoned', attempt);
      }
    });
  }

  ended(attempt: Attempt): void {
    this.tasks.delete(attempt.id);
    this.count--;
    if (attempt.reported) {
      this.reported--;
      this.report('abandoned-handler-ended', attempt);
    }
  }

  private report(type: 'handler-abandoned' | 'abandoned-handler-ended', { id, number }: Attempt): void {
    const { kind, name } = this.of;
    this.events.emit({
      type,
      kind,
      name,
      id: this.origin.idOf(id),
      attempt: number,
      abandoned: this.reported,
    });
  }
}
