import { api, type LoadedTaskPage } from '../api.js';
import { asSentence, formatDateTime } from '../format.js';
import type { DashboardAction } from '../../../lib/dashboard/dashboard-api.js';
import { links } from '../router.js';
import { useMayChange } from '../session.js';
import { ActionButton } from '../tasks/action-button.js';
import { ACTION_ORDER, appliesTo } from '../tasks/task-actions.js';
import { Message } from '../ui/message.js';
import { PageTitle } from '../ui/page-title.js';
import { StatusBadge } from '../ui/status-badge.js';
import { usePolled } from '../use-polled.js';
import { ErrorHistory } from './error-history.js';
import { Payload } from './payload.js';
import { TaskFacts } from './task-facts.js';
import { Timeline } from './timeline.js';

const PERIOD_MS = 2000;
const ISO_TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

export function TaskPage({ id }: { id: string }) {
  const { value, error, refresh } = usePolled((signal) => api.task(id, signal), PERIOD_MS);
  const gone = error?.status === 404;
  return (
    <>
      <PageTitle title={`Task ${id}`}>
        {value && !gone && <StatusBadge status={value.task.status} />}
        {value && !gone && <Actions page={value} onDone={refresh} />}
      </PageTitle>
      {gone ? (
        <Message title={value ? 'This task is gone' : 'There is no such task'}>
          <p>It was never pushed, its push was rolled back, or it was deleted after it had finished.</p>
          <a class="button" href={links.tasks()}>
            Go to the tasks
          </a>
        </Message>
      ) : (
        <>
          {error && (
            <Message title="The task can't be read" tone="bad">
              <p>
                {asSentence(error.message)} {value && 'What you see is what was read last.'}
              </p>
            </Message>
          )}
          {value ? <Loaded page={value} /> : !error && <Loading />}
        </>
      )}
    </>
  );
}

function Loaded({ page: { task, explanation } }: { page: LoadedTaskPage }) {
  const { status, attemptsElapsed: attempts } = task;
  const failed = attempts - (status === 'processing' || status === 'succeeded' ? 1 : 0);
  return (
    <>
      <p class={`panel explanation explanation-${task.status}`}>{textOf(explanation)}</p>
      <div class="task-columns">
        <div class="task-main">
          <ErrorHistory errors={task.errors} attempts={attempts} failed={failed} />
          <Payload value={task.payload} bytes={task.payloadBytes} />
        </div>
        <div class="task-side">
          <TaskFacts task={task} />
          <Timeline entries={task.timeline} />
        </div>
      </div>
    </>
  );
}

/** The text of the explanation, with its times in the format of the page, and without the stack, which the error history shows. */
function textOf(explanation: LoadedTaskPage['explanation']): string {
  const times = Object.values(explanation).filter(
    (value) => typeof value === 'string' && ISO_TIME.test(value),
  );
  const text = explanation.text.split(/\n\s+at /, 1)[0]!;
  return times.reduce<string>(
    (shown, time) => shown.replaceAll(String(time), formatDateTime(String(time))),
    text,
  );
}

function Actions({ page: { task, explanation }, onDone }: { page: LoadedTaskPage; onDone: () => void }) {
  const mayChange = useMayChange(task.kind);
  // The row says `processing`, but no process runs an attempt of the task.
  const isStuck = explanation.reason === 'refused' || explanation.reason === 'worker-lost';
  const applies = (action: DashboardAction) =>
    appliesTo(action, [task.status]) || (action === 'delete' && isStuck);
  const target = { filter: { id: task.id }, what: `task ${task.id}` };
  return mayChange ? (
    <span class="page-actions">
      {ACTION_ORDER.filter(applies).map((action) => (
        <ActionButton key={action} action={action} target={target} onDone={onDone} />
      ))}
    </span>
  ) : null;
}

function Loading() {
  return (
    <div aria-busy="true" aria-label="Loading">
      <div class="panel skeleton skeleton-line" />
      <div class="task-columns">
        <div class="panel skeleton skeleton-table" />
        <div class="panel skeleton skeleton-table" />
      </div>
    </div>
  );
}
