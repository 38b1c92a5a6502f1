import { useState } from 'preact/hooks';
import type { ActionRequest, DashboardAction } from '../../../lib/dashboard/dashboard-api.js';
import { api } from '../api.js';
import { formatCount } from '../format.js';
import { useKindName, useKinds, useMoreKinds } from '../kinds.js';
import { useActsOn } from '../session.js';
import { showNotice } from '../notices.js';
import { Confirm } from '../ui/confirm.js';
import { ACTIONS, countMeant, resultText } from './task-actions.js';
import { describeFilter } from './task-query.js';
import { forgetList } from './use-task-list.js';

/** The tasks that an action changes. */
export interface ActionTarget {
  readonly filter: ActionRequest['filter'];
  /** The tasks as the object of a sentence: "task 12", "3 selected tasks". */
  readonly what: string;
  /** The filter may match any number of tasks, so that the visitor sets a limit. */
  readonly many?: boolean;
}

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 100_000;

/** Asks for confirmation, and then shows the result. */
export function ActionButton({
  action,
  target,
  disabled = false,
  onDone,
}: {
  action: DashboardAction;
  target: ActionTarget;
  disabled?: boolean;
  onDone?: () => void;
}) {
  const [confirming, setConfirming] = useState<ActionTarget | null>(null);
  const { name, danger } = ACTIONS[action];
  return (
    <>
      <button
        type="button"
        class={`button${danger ? ' button-careful' : ''}`}
        disabled={disabled}
        aria-label={`${name} ${target.what}`}
        onClick={() => setConfirming(target)}
      >
        {name}
      </button>
      {confirming && (
        <Question
          action={action}
          target={confirming}
          onClose={() => setConfirming(null)}
          onDone={() => onDone?.()}
        />
      )}
    </>
  );
}

function Question({
  action,
  target: { filter, what, many },
  onClose,
  onDone,
}: {
  action: DashboardAction;
  target: ActionTarget;
  onClose: () => void;
  onDone: () => void;
}) {
  const { name, effect, danger } = ACTIONS[action];
  const kindName = useKindName();
  const [limit, setLimit] = useState(String(DEFAULT_LIMIT));
  const actsOn = useActsOn();
  const kinds = useKinds().filter(({ kind }) => actsOn?.includes(kind) ?? true);
  const moreKinds = useMoreKinds();
  // The number over all kinds is unknown when the overview leaves kinds out.
  const known = filter.kind === undefined && moreKinds > 0 ? null : countMeant(action, filter, kinds);
  const act = async () => {
    const result = await api.act(action, many ? { filter, limit: Number(limit) } : { filter });
    forgetList();
    showNotice(resultText(action, result));
    onDone();
  };
  return (
    <Confirm
      title={`${name} ${what}?`}
      button={`${name} ${many || filter.id?.includes(',') ? 'tasks' : 'task'}`}
      danger={danger}
      onConfirm={act}
      onClose={onClose}
    >
      <p>{effect}</p>
      {actsOn && <p>Tasks of kinds that you may not change are left alone.</p>}
      {many && (
        <>
          {known && (
            <p class="dialog-count">
              There {known.count === 1 ? 'is' : 'are'} {action === 'runNow' ? 'at most ' : ''}
              {formatCount(known)} of them now.
            </p>
          )}
          <dl class="facts facts-narrow">
            {describeFilter(filter, kindName).map(([label, value]) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <label class="field field-inline">
            <span class="field-name">At most</span>
            <input
              type="number"
              inputMode="numeric"
              min={1}
              max={MAX_LIMIT}
              required
              value={limit}
              onInput={(event) => setLimit(event.currentTarget.value)}
            />
            <span>tasks</span>
          </label>
        </>
      )}
    </Confirm>
  );
}
