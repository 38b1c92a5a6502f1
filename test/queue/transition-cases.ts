import { expect } from 'vitest';
import { type KindOptions, MustCancelTaskError, SnoozeTaskError } from '../../lib/index.js';
import type { TaskEvent } from '../support/transitions.js';
import { type Arranged, KEY, type Node, type World } from '../support/arrange.js';
import { newKind } from '../support/kinds.js';
import { createQueueApp } from '../support/queue-app.js';
import { type RecordedEvents, recordEvents } from '../support/queue-events.js';
import { until } from '../support/until.js';

/** Every status that a task may have when an event meets it, with a handler's body that still runs in each. */
export const NODES: readonly Node[] = [
  null,
  'new',
  'processing',
  'must_retry',
  'no_attempts_left',
  'succeeded',
  'cancelled',
];

/** Something that may happen to a task, whatever its status is. */
interface Case {
  readonly event: TaskEvent;
  readonly when: string;
  /** Where the event leads; from all other statuses it leads nowhere. */
  readonly leads: readonly (readonly [from: Node, to: Node])[];
  /** Of the kind whose task is processing. */
  readonly options?: KindOptions & { attempts?: number };
  /** Lets the event happen to every task, and returns when all that could follow from it has happened. */
  happen(tasks: readonly Arranged[], world: World, events: RecordedEvents): Promise<void>;
}

const KEEP = { when: 'terminal tasks are kept' };
const DELETE = { when: 'the terminal TTL is 0', options: { terminalTasksTtl: 0 } };
const LEFT = { when: 'attempts are left' };
const LAST = { when: 'it is the last attempt', options: { attempts: 1 } };
const LONG: KindOptions = { backoff: () => '1h' };

export const CASES: readonly Case[] = [
  {
    event: 'push',
    when: 'the key is the same',
    leads: [[null, 'new']],
    happen: each(({ definition }, { producer }) =>
      producer.queue.pushTask({ kind: definition, payload: 2, externalKey: KEY }, { delay: '1h' }),
    ),
  },
  {
    event: 'replace',
    when: 'the key is the same',
    leads: [
      [null, 'new'],
      ['new', 'new'],
      ['must_retry', 'new'],
      ['no_attempts_left', 'new'],
      ['succeeded', 'new'],
      ['cancelled', 'new'],
    ],
    happen: each(({ definition }, { producer }) =>
      producer.queue.pushTask(
        { kind: definition, payload: 2, externalKey: KEY },
        { delay: '1h', onConflict: 'replace' },
      ),
    ),
  },
  {
    event: 'cancel-by-key',
    when: 'by the producer',
    leads: [
      ['new', 'cancelled'],
      ['must_retry', 'cancelled'],
      ['processing', 'cancelled'],
    ],
    happen: each(({ definition }, { producer }) => producer.queue.cancelTaskByKey(definition, KEY)),
  },
  {
    event: 'retry-tasks',
    when: 'by the producer',
    leads: [['no_attempts_left', 'must_retry']],
    happen: async (tasks, world, events) => {
      // What is due again would be claimed at once.
      tasks.forEach((task) => task.pause());
      await settled(world);
      await each(({ definition }, { producer }) => producer.queue.retryTasks(definition))(
        tasks,
        world,
        events,
      );
    },
  },
  { event: 'success', ...KEEP, leads: [['processing', 'succeeded']], happen: bodiesEnd() },
  { event: 'success', ...DELETE, leads: [['processing', null]], happen: bodiesEnd() },
  {
    event: 'must-cancel',
    ...KEEP,
    leads: [['processing', 'cancelled']],
    happen: bodiesEnd(new MustCancelTaskError('enough')),
  },
  {
    event: 'must-cancel',
    when: 'it is the last attempt',
    options: { attempts: 1 },
    leads: [['processing', 'cancelled']],
    happen: bodiesEnd(new MustCancelTaskError('enough')),
  },
  {
    event: 'must-cancel',
    ...DELETE,
    leads: [['processing', null]],
    happen: bodiesEnd(new MustCancelTaskError('enough')),
  },
  {
    event: 'failure',
    ...LEFT,
    options: LONG,
    leads: [['processing', 'must_retry']],
    happen: bodiesEnd(new Error('failed')),
  },
  {
    event: 'failure',
    ...LAST,
    leads: [['processing', 'no_attempts_left']],
    happen: bodiesEnd(new Error('failed')),
  },
  {
    event: 'snooze',
    ...LEFT,
    leads: [['processing', 'must_retry']],
    happen: bodiesEnd(new SnoozeTaskError('1h')),
  },
  {
    event: 'snooze',
    ...LAST,
    leads: [['processing', 'must_retry']],
    happen: bodiesEnd(new SnoozeTaskError('1h')),
  },
  {
    event: 'shutdown',
    ...LEFT,
    leads: [['processing', 'must_retry']],
    happen: (_, { worker }) => worker.queue.stop(),
  },
  {
    event: 'shutdown',
    ...LAST,
    leads: [['processing', 'must_retry']],
    happen: (_, { worker }) => worker.queue.stop(),
  },
  { event: 'lease-lost', ...LEFT, leads: [['processing', 'must_retry']], happen: leaseIsLost },
  { event: 'lease-lost', ...LAST, leads: [['processing', 'no_attempts_left']], happen: leaseIsLost },
];

/** Handlers that end late: only an attempt that still holds its lease may change anything. */
function bodiesEnd(thrown?: Error): Case['happen'] {
  return async (tasks, world) => {
    tasks.forEach((task) => task.endBody(thrown));
    const running = tasks.find(({ status }) => status === 'processing')!;
    await until(async () => (await running.now()) !== 'processing');
    await settled(world);
  };
}

function each(act: (task: Arranged, world: World) => Promise<unknown>): Case['happen'] {
  return async (tasks, world) => {
    await Promise.all(tasks.map((task) => act(task, world)));
  };
}

/** Another process declares the worker's dead. */
async function leaseIsLost(tasks: readonly Arranged[], { worker, producer }: World): Promise<void> {
  const { url } = worker.dataSource.options as { url: string };
  const rescuer = await createQueueApp({ url, options: { heartbeatPeriod: 50, leaseTimeout: 150 } });
  rescuer.queue.registerKind(newKind(), () => undefined);
  const kind = tasks.find(({ status }) => status === 'processing')!.definition.kind;
  await recordEvents(rescuer.queue).first('tasks-rescued', (event) => event.kind === kind);
  await rescuer.close();
  expect(await producer.dataSource.query('SELECT id FROM pgqueue_lease')).toEqual([]);
}

/** All outcomes that were there before are written when those of two tasks one after the other are. */
async function settled({ worker, producer }: World): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const definition = newKind({ loop: { fetcherPeriod: 50 } });
    worker.queue.registerKind(definition, () => undefined);
    const { id } = await producer.queue.pushTask({ kind: definition, payload: 0 });
    await until(async () => {
      const [row] = await producer.dataSource.query('SELECT status FROM pgqueue WHERE id = $1', [id]);
      return row.status === 'succeeded';
    });
  }
}
