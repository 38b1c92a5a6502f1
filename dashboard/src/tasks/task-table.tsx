import type { LoadedTask } from '../api.js';
import { links } from '../router.js';
import { useRedacted, useShards } from '../session.js';
import { StatusBadge } from '../ui/status-badge.js';
import { Ago } from '../ui/time.js';

/** The most ids that a filter may have. */
const MAX_SELECTED = 1000;

export function TaskTable({
  tasks,
  fading,
  selected,
  onSelect,
}: {
  tasks: readonly LoadedTask[];
  /** Whether another list is being loaded. */
  fading: boolean;
  selected: ReadonlySet<string>;
  /** Undefined when the visitor may not change tasks. */
  onSelect?: ((selected: ReadonlySet<string>) => void) | undefined;
}) {
  const redacted = useRedacted();
  const all = tasks.every(({ id }) => selected.has(id));
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label="Tasks, a table that scrolls">
      <table class={`tasks${fading ? ' fading' : ''}`}>
        <thead>
          <tr>
            {onSelect && (
              <th scope="col" class="select-cell">
                <input
                  type="checkbox"
                  aria-label="Select all that are shown"
                  checked={all}
                  onChange={() =>
                    onSelect(new Set(all ? [] : tasks.slice(0, MAX_SELECTED).map(({ id }) => id)))
                  }
                />
              </th>
            )}
            <th scope="col">Task</th>
            <th scope="col">Status</th>
            <th scope="col">Key</th>
            <th scope="col" class="numeric">
              Attempts
            </th>
            <th scope="col">When</th>
            <th scope="col">{redacted ? 'Last error' : 'Last error, or payload'}</th>
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <TaskRow
              key={task.id}
              task={task}
              selected={selected.has(task.id)}
              onToggle={onSelect && (() => onSelect(toggled(selected, task.id)))}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TaskRow({
  task,
  selected,
  onToggle,
}: {
  task: LoadedTask;
  selected: boolean;
  onToggle: (() => void) | undefined;
}) {
  const several = useShards().length > 1;
  const { id, shard, name, status, externalKey, attemptsElapsed, attemptsLeft, lastError, payloadPreview } =
    task;
  return (
    <tr class={selected ? 'selected' : undefined}>
      {onToggle && (
        <td class="select-cell">
          <input type="checkbox" aria-label={`Select task ${id}`} checked={selected} onChange={onToggle} />
        </td>
      )}
      <th scope="row" class="task-cell">
        <a href={links.task(id)} class="task-id">
          {id}
        </a>
        <span class="task-kind">{several ? `${name} in ${shard}` : name}</span>
      </th>
      <td data-label="Status">
        <StatusBadge status={status} />
      </td>
      <td class="key-cell" data-label="Key" title={externalKey ?? undefined}>
        {externalKey === null ? <span class="faint">none</span> : <span class="clip">{externalKey}</span>}
      </td>
      <td class="numeric" data-label="Attempts">
        {attemptsElapsed}
        <span class="faint"> of {attemptsElapsed + attemptsLeft}</span>
      </td>
      <td class="when-cell" data-label="When">
        <When task={task} />
      </td>
      <td class="preview-cell" data-label={lastError === null ? 'Payload' : 'Last error'}>
        {lastError === null ? (
          <code class="clip">{payloadPreview}</code>
        ) : (
          <span class="clip preview-error">{lastError}</span>
        )}
      </td>
    </tr>
  );
}

/** The time that matters for the status of the task. */
function When({ task: { status, runAt, finishedAt, worker } }: { task: LoadedTask }) {
  if (status === 'processing') {
    return <span class="clip">{worker ? `by ${worker}` : 'by a process that is gone'}</span>;
  }
  if (finishedAt !== null) {
    return (
      <>
        ended <Ago at={finishedAt} />
      </>
    );
  }
  return (
    <>
      due <Ago at={runAt} />
    </>
  );
}

function toggled(selected: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(selected);
  if (!next.delete(id) && next.size < MAX_SELECTED) {
    next.add(id);
  }
  return next;
}
