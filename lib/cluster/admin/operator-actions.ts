import type { Action } from '../../storage/admin.repository.js';
import type { ActionFilter, ActionRecord, ActionSource } from '../../events/action-record.js';
import type { QueueEvent } from '../../events/queue-events.js';
import { callDatabases, callInTurn, resultOf } from '../database-results.js';
import { type KindRef, kindOf } from '../../task/task-definition.js';
import {
  type ActionResult,
  type ActorOptions,
  checkActor,
  type RetryActionOptions,
} from '../../inspect/operator-action.js';
import { actionFilterOf, type TaskFilter } from '../../inspect/task-filter.js';
import { checkOptionNames } from '../../errors/check.js';
import type { KindNames } from '../../admin/kind-names.js';
import type { DatabaseAdmin } from '../../admin/database-admin.js';
import { ownFilter, databasesOf } from './database-filter.js';
import { type ActionProgress, actionResult, checkAction } from '../../admin/task-actions.js';

export interface OperatorActionsDeps {
  readonly databases: readonly DatabaseAdmin[];
  readonly names: KindNames;
  readonly events: { emit(event: QueueEvent): void };
  readonly via: ActionSource;
}

/** Changes tasks and kinds in all databases, and records who made each change. */
export class OperatorActions {
  constructor(private readonly deps: OperatorActionsDeps) {}

  /** Changes one database after the other, up to the limit; the tasks that a database changed before it failed count too. */
  async act(action: Action, filter: TaskFilter, options: RetryActionOptions = {}): Promise<ActionResult> {
    const { by: name, ...others } = options;
    const checked = checkAction(action, filter, others);
    const by = checkActor(name);
    const databases = databasesOf(this.deps.databases, checked.filter);
    const progress: ActionProgress = { changed: 0, more: false, kinds: new Map(), refused: [] };
    const asked = await callInTurn(databases, checked.limit, async (database) => {
      const before = progress.changed;
      await database.act({ ...checked, filter: ownFilter(database, checked.filter) }, progress);
      return progress.changed - before;
    });
    progress.more ||= asked.results.size + asked.errors.size < databases.length;
    const { limit, attempts, meant } = checked;
    this.record({
      action,
      by,
      filter: actionFilterOf(meant),
      limit,
      attempts,
      count: progress.changed,
      kinds: this.named(progress.kinds),
      more: progress.more,
      ...failureOf([...asked.errors.values(), ...progress.refused.map(({ error }) => error)]),
    });
    const result = actionResult(progress);
    // A failure alone would hide from the operator what was changed before it.
    return resultOf(asked, result, progress.changed > 0 ? Number.POSITIVE_INFINITY : databases.length);
  }

  async setPaused(kind: KindRef, paused: boolean, options: ActorOptions = {}): Promise<boolean> {
    const number = kindOf(kind);
    const action = paused ? 'pause' : 'resume';
    checkOptionNames(options, ['by'], action);
    const by = checkActor(options.by);
    const asked = await callDatabases(this.deps.databases, (database) => database.setPaused(number, paused));
    const changed = [...asked.results.values()].some(Boolean);
    const filter: ActionFilter = { kind: [number] };
    const count = Number(changed);
    this.record({
      action,
      by,
      filter,
      limit: null,
      attempts: null,
      count,
      more: false,
      kinds: this.named(new Map([[number, count]])),
      ...failureOf([...asked.errors.values()]),
    });
    return resultOf(asked, changed);
  }

  private named(kinds: ReadonlyMap<number, number>): ActionRecord['kinds'] {
    return [...kinds].map(([kind, count]) => ({ kind, name: this.deps.names.of(kind), count }));
  }

  private record(record: Omit<ActionRecord, 'via'>): void {
    const { events, via } = this.deps;
    events.emit({ type: 'action-taken', via, ...record });
  }
}

/** The first error, of several databases that failed and tasks that were refused. */
function failureOf(errors: readonly unknown[]): Pick<ActionRecord, 'error'> {
  return errors.length === 0 ? {} : { error: errors[0] };
}
