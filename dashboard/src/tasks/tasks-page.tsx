import { useEffect, useState } from 'preact/hooks';
import type { TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import { formatClockWithSeconds, formatExactly, plural } from '../format.js';
import { useMayChange } from '../session.js';
import { Message } from '../ui/message.js';
import { MissingShards } from '../ui/missing-shards.js';
import { PageTitle } from '../ui/page-title.js';
import { ReplicaAge } from '../ui/replica-age.js';
import { ActionBar } from './action-bar.js';
import { TaskFilters } from './task-filters.js';
import { TaskTable } from './task-table.js';
import { type TaskList, useTaskList } from './use-task-list.js';

const NOBODY: ReadonlySet<string> = new Set();

export function TasksPage({ query }: { query: TaskQuery }) {
  const list = useTaskList(query);
  const mayChange = useMayChange();
  const [selected, setSelected] = useState(NOBODY);
  const key = JSON.stringify(query);
  useEffect(() => setSelected(NOBODY), [key]);
  const onDone = () => {
    setSelected(NOBODY);
    list.reload();
  };
  return (
    <>
      <PageTitle title="Tasks">
        {list.at !== null && <span class="faint">as of {formatClockWithSeconds(list.at)}</span>}
        <ReplicaAge ageMs={list.ageMs} />
        <button type="button" class="button" onClick={list.reload}>
          Refresh
        </button>
      </PageTitle>
      <TaskFilters query={query} />
      <MissingShards missing={list.missing} />
      <section class="panel" aria-label="Tasks that were found" aria-busy={list.state === 'loading'}>
        {mayChange && <ActionBar query={query} tasks={list.tasks} selected={selected} onDone={onDone} />}
        {list.state === 'failed' && (
          <Message title="The tasks can't be listed" tone="bad">
            <p>{list.failure}</p>
          </Message>
        )}
        {list.tasks.length > 0 && (
          <TaskTable
            tasks={list.tasks}
            fading={list.state === 'loading'}
            selected={selected}
            onSelect={mayChange ? setSelected : undefined}
          />
        )}
        <Foot list={list} filtered={Object.keys(query).length > 0} />
      </section>
    </>
  );
}

/** Loads the next page. A page may be short or empty although more tasks follow. */
function Foot({ list, filtered }: { list: TaskList; filtered: boolean }) {
  const { tasks, next, examined, full, state, more } = list;
  if (state === 'failed') {
    return null;
  }
  if (state === 'loading' && tasks.length === 0) {
    return <div class="skeleton skeleton-table" aria-label="Loading" />;
  }
  if (next !== null) {
    const found = tasks.length === 0 ? 'None found so far' : `${plural(tasks.length, 'task')} so far`;
    const scanned = examined > tasks.length ? `, ${formatExactly(examined)} looked at` : '';
    return (
      <div class="list-foot">
        <span>
          {found}
          {scanned}.
        </span>
        <button type="button" class="button" disabled={state === 'loading'} onClick={more}>
          {state === 'loading' ? 'Searching …' : full ? 'Show more' : 'Search on'}
        </button>
      </div>
    );
  }
  if (tasks.length === 0) {
    return (
      <Message title={filtered ? 'No tasks match the filter' : 'There are no tasks'}>
        <p>
          {filtered
            ? 'Finished tasks are deleted after a time that each kind sets. Widen the filter to see others.'
            : 'Tasks appear here once they are pushed.'}
        </p>
      </Message>
    );
  }
  return <p class="list-foot">{plural(tasks.length, 'task')}, and no more.</p>;
}
