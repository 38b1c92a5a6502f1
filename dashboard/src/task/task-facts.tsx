import type { ComponentChildren } from 'preact';
import type { LoadedTaskPage } from '../api.js';
import { links } from '../router.js';
import { useShards } from '../session.js';
import { Ago, At } from '../ui/time.js';

/** The columns of the task's row. */
export function TaskFacts({ task }: { task: LoadedTaskPage['task'] }) {
  const open = task.finishedAt === null;
  const several = useShards().length > 1;
  return (
    <section class="panel" aria-labelledby="facts-title">
      <h2 id="facts-title" class="panel-title">
        Details
      </h2>
      <dl class="facts">
        <Fact name="Kind">
          <a href={links.tasks({ kind: String(task.kind) })}>{task.name}</a>
          <span class="faint"> {task.kind}</span>
        </Fact>
        {several && (
          <Fact name="Shard">
            <a href={links.tasks({ shard: task.shard })}>{task.shard}</a>
          </Fact>
        )}
        <Fact name="Key">
          {task.externalKey === null ? <span class="faint">none</span> : task.externalKey}
        </Fact>
        <Fact name="Attempts">
          {task.attemptsElapsed} used, {task.attemptsLeft} left
        </Fact>
        <Fact name="Priority">
          {task.priority}
          <span class="faint"> (0 goes first, 9 last)</span>
        </Fact>
        <Fact name="Pushed">
          <Moment at={task.createdAt} />
        </Fact>
        <Fact name={open ? 'Due' : 'Was due'}>
          <Moment at={task.runAt} />
        </Fact>
        {task.finishedAt !== null && (
          <Fact name="Ended">
            <Moment at={task.finishedAt} />
          </Fact>
        )}
        {task.worker !== null && (
          <Fact name="Worker">
            <a href={links.workers}>{task.worker}</a>
          </Fact>
        )}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ at }: { at: string }) {
  return (
    <>
      <At at={at} />{' '}
      <span class="faint">
        <Ago at={at} />
      </span>
    </>
  );
}
