import type { KindOptions, QueueService, Task, TaskDefinition, TaskStatus } from '../../lib/index.js';
import { deferred } from './deferred.js';
import { newKind } from './kinds.js';
import { createQueueApp, type QueueApp } from './queue-app.js';
import { until } from './until.js';

/** Null: no task is stored. */
export type Node = TaskStatus | null;

export const KEY = 'key';

/** A process that pushes, and one that runs tasks but hears of nothing: its attempts learn of a lost lease only from the database. */
export interface World {
  readonly producer: QueueApp;
  readonly worker: QueueApp;
  close(): Promise<void>;
}

export async function createWorld(url: string): Promise<World> {
  const producer = await createQueueApp({ url, options: { autoStart: false } });
  const worker = await createQueueApp({
    url,
    options: { listen: false, heartbeatPeriod: '30s', leaseTimeout: '1h', shutdownTimeout: 50 },
    typeorm: { extra: { max: 20 } },
  });
  return {
    producer,
    worker,
    close: async () => {
      await worker.close();
      await producer.close();
    },
  };
}

/** One task that was brought to a status by the public API. */
export interface Arranged {
  readonly status: Node;
  readonly definition: TaskDefinition<any>;
  /** The whole row, whatever its columns; null when there is none. */
  row(): Promise<Record<string, unknown> | null>;
  now(): Promise<Node>;
  /** Lets the worker claim no task of this kind any more. */
  pause(): void;
  /** Ends the handler's body, which still runs whatever became of its attempt: returns, or throws what is given. */
  endBody(thrown?: Error): void;
}

interface Steps {
  readonly queue: QueueService;
  readonly definition: TaskDefinition<any>;
  /** Resolves when the handler has been called. */
  readonly started: Promise<void>;
  push(attempts?: number): Promise<unknown>;
  cancel(): Promise<unknown>;
  replace(): Promise<unknown>;
}

interface Recipe {
  readonly options?: KindOptions;
  /** In the handler, before its body waits for its end. */
  body?(task: Task, world: World): Promise<void>;
  bring(steps: Steps): Promise<unknown>;
}

const TIMES_OUT: KindOptions = { attemptTimeout: 100, backoff: () => '1h' };

const completeAtOnce = (task: Task, { worker }: World) =>
  worker.dataSource.transaction((manager) => task.completeIn(manager));

/** How a task gets to each status while its handler's body still runs. */
const RECIPES: Record<TaskStatus | 'none', Recipe> = {
  none: { options: { terminalTasksTtl: 0 }, body: completeAtOnce, bring: ({ push }) => push() },
  new: {
    bring: async ({ push, started, cancel, replace }) => {
      await push();
      await started;
      await cancel();
      await replace();
    },
  },
  processing: {
    bring: async ({ push, started }) => {
      await push();
      await started;
    },
  },
  must_retry: { options: TIMES_OUT, bring: ({ push }) => push() },
  no_attempts_left: { options: TIMES_OUT, bring: ({ push }) => push(1) },
  succeeded: { body: completeAtOnce, bring: ({ push }) => push() },
  cancelled: {
    bring: async ({ push, started, cancel }) => {
      await push();
      await started;
      await cancel();
    },
  },
};

/** Brings a task of a new kind to a status. @param options over those that the status needs */
export async function arrange(
  world: World,
  status: Node,
  { attempts, ...options }: KindOptions & { attempts?: number } = {},
): Promise<Arranged> {
  const recipe = RECIPES[status ?? 'none'];
  let workerCount = 1;
  const definition = newKind({
    workerCount: () => workerCount,
    loop: { fetcherPeriod: 50 },
    ...options,
    ...recipe.options,
  });
  const { queue, dataSource } = world.producer;
  const started = deferred();
  const end = deferred<Error | undefined>();
  world.worker.queue.registerKind(definition, async (task) => {
    await recipe.body?.(task, world);
    started.resolve();
    const thrown = await end.promise;
    if (thrown) throw thrown;
  });
  const task = { payload: { pushed: 1 }, externalKey: KEY };
  await recipe.bring({
    queue,
    definition,
    started: started.promise,
    push: (maxAttempts = attempts ?? definition.maxAttempts) =>
      queue.pushTask({ ...task, kind: { ...definition, ...(maxAttempts ? { maxAttempts } : {}) } }),
    cancel: () => queue.cancelTaskByKey(definition, KEY),
    replace: () => queue.pushTask({ ...task, kind: definition }, { onConflict: 'replace', delay: '1h' }),
  });
  const row = async () => {
    const [found] = await dataSource.query('SELECT to_jsonb(t) AS row FROM pgqueue t WHERE kind = $1', [
      definition.kind,
    ]);
    return (found?.row as Record<string, unknown> | undefined) ?? null;
  };
  const now = async () => statusOf(await row());
  await started.promise;
  await until(async () => (await now()) === status);
  const pause = () => {
    workerCount = 0;
  };
  return { status, definition, row, now, pause, endBody: end.resolve };
}

export function statusOf(row: Record<string, unknown> | null): Node {
  return row && (row['lease_id'] === null ? (row['status'] as TaskStatus) : 'processing');
}
