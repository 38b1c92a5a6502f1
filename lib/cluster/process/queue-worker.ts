import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import type { TaskHandlerRegistry } from '../../handlers/task-handler.registry.js';
import type { ResolvedOptions } from '../queue.options.js';
import type { QueueDatabase } from '../queue-database.js';
import { openLater } from './database-opening.js';
import { DatabaseWorker } from './database-worker.js';
import { DatabaseSleep } from './database-sleep.js';
import { ReadOnlyServerError } from '../../storage/visibility-check.js';
import { callDatabases, type DatabaseResults } from '../database-results.js';
import type { Instruments } from '../../events/instrumentation.js';
import type { KindSlots } from '../../inspect/kind-slots.js';
import type { QueueEvents } from '../../events/queue-events.js';
import { SchemaMismatchError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from '../../worker/run/attempt.js';
import type { BackgroundLoop } from '../../timing/background-loop.js';
import { retryDelay } from '../../timing/retry-delay.js';
import { FairSlots } from '../../worker/slots/fair-slots.js';
import type { Slots } from '../../worker/slots/slots.js';
import { SoleSlots } from '../../worker/slots/sole-slots.js';
import { StopCallers } from '../../worker/run/stop-callers.js';
import { EventLoopWatch } from '../../worker/event-loop-watch.js';
import type { Processing } from './processing-lifecycle.js';

/** How often databases are checked at most; that takes a second or two, unless servers are silent. */
const MOST_CHECKS = 6;

export interface QueueWorkerDeps {
  databases: readonly QueueDatabase[];
  registry: TaskHandlerRegistry;
  events: QueueEvents;
  instruments: Instruments;
  options: ResolvedOptions;
}

/** One run of processing, in all databases. Without a handler it does nothing at all. */
export class QueueWorker implements Processing {
  private readonly slotsOf = new Map<number, Slots>();
  private readonly running = new Set<DatabaseWorker>();
  /** Databases in which there is nothing to do. */
  private readonly sleeping = new Map<DatabaseSleep, Promise<void>>();
  private stopped = false;
  /** The loops that wait for databases that could not be reached. */
  private readonly late: BackgroundLoop[] = [];
  private readonly instance = randomUUID();
  private ready: readonly QueueDatabase[] = [];
  private readonly eventLoop: EventLoopWatch;

  constructor(private readonly deps: QueueWorkerDeps) {
    this.eventLoop = new EventLoopWatch(deps.events, deps.options.leaseTimeoutMs);
  }

  /**
   * Checks whether the databases can be worked in. One that can't be reached is left for later, as long as another can; where none can,
   * the servers may be just busy, or just coming back, and are checked a few times more.
   * @param isWanted whether that is worth while: a stop waits for the end of it
   * @throws SchemaMismatchError when tables are missing, of another version, or not accessible; and what a database says when none answers
   */
  async prepare(isWanted: () => boolean): Promise<void> {
    for (let failures = 1; this.ready.length === 0; failures++) {
      const { results, errors } = await this.check();
      const reasons = [...errors.values()];
      const mismatch = reasons.find(
        (error) => error instanceof SchemaMismatchError && !(error instanceof ReadOnlyServerError),
      );
      if (mismatch || (results.size === 0 && (failures === MOST_CHECKS || !isWanted()))) {
        throw mismatch ?? reasons[0];
      }
      this.ready = [...results.keys()];
      if (results.size === 0) {
        await pause(retryDelay(failures));
      } else {
        errors.forEach((error, { events }) =>
          events.emit({ type: 'connection-failed', role: 'claim', error }),
        );
      }
    }
  }

  start(): void {
    const handlers = this.deps.registry.getAll();
    if (handlers.length > 0) {
      this.eventLoop.start();
      handlers.forEach((handler) => this.addSlots(handler));
      this.ready.forEach((source) => this.startIn(source));
      this.deps.databases
        .filter((source) => !this.ready.includes(source))
        .forEach((source) => this.startLater(source));
    }
    const kinds = this.slots().map(({ kind, name, slots }) => ({ kind, name, workerCount: slots }));
    this.deps.events.emit({ type: 'started', kinds });
  }

  /** Takes on a handler that was registered while this runs. */
  add(handler: RegisteredHandler): void {
    if (this.slotsOf.size === 0) {
      this.start();
      return;
    }
    const slots = this.addSlots(handler);
    this.running.forEach((worker) => worker.add(handler, slots));
  }

  slots(): KindSlots[] {
    return [...this.slotsOf.values()].map(({ options: { kind, name }, capacity, busy }) => ({
      kind,
      name,
      slots: capacity,
      busy,
    }));
  }

  runs(attempt: Attempt): boolean {
    return [...this.running].some((worker) => worker.runs(attempt));
  }

  onCalled(): void {
    this.running.forEach((worker) => worker.onCalled());
  }

  async stop(timeoutMs: number, callers: StopCallers): Promise<void> {
    this.stopped = true;
    this.eventLoop.stop();
    this.sleeping.forEach((_, sleep) => sleep.end());
    await Promise.all(this.sleeping.values());
    this.late.forEach((opening) => void opening.stop());
    const running = [...this.running];
    callers.begin(running.length);
    const released = await Promise.all(running.map((worker) => worker.stop(timeoutMs, callers)));
    this.deps.events.emit({ type: 'stopped', released: released.reduce((sum, count) => sum + count, 0) });
  }

  private check(): Promise<DatabaseResults<QueueDatabase, void>> {
    const { databases, registry } = this.deps;
    const use = registry.getAll().length > 0 ? 'work' : 'push';
    return callDatabases(databases, (source) =>
      databases.length > 1 ? source.checkOnOwnConnection(use) : source.check(use),
    );
  }

  private addSlots({ options }: RegisteredHandler): Slots {
    const { databases, events } = this.deps;
    const slots = databases.length > 1 ? new FairSlots(options, events) : new SoleSlots(options, events);
    this.slotsOf.set(options.kind, slots);
    return slots;
  }

  private startIn(source: QueueDatabase): void {
    const { databases, registry, instruments, options } = this.deps;
    const others = databases.filter((other) => other !== source);
    const { instance } = this;
    const onIdle = (): Promise<void> => this.sleep(source, worker);
    const deps = { source, others, instance, instruments, options, onIdle };
    const worker: DatabaseWorker = new DatabaseWorker(deps);
    for (const handler of registry.getAll()) {
      worker.add(handler, this.slotsOf.get(handler.options.kind)!);
    }
    this.running.add(worker);
    worker.start();
  }

  private async sleep(source: QueueDatabase, worker: DatabaseWorker): Promise<void> {
    const sleep = new DatabaseSleep(source, this.deps.options);
    const slept = this.sleepIn(source, worker, sleep).finally(() => this.sleeping.delete(sleep));
    this.sleeping.set(sleep, slept);
    await slept;
  }

  /** Never rejects. */
  private async sleepIn(source: QueueDatabase, worker: DatabaseWorker, sleep: DatabaseSleep): Promise<void> {
    try {
      await sleep.listen();
      // What was pushed before is found now, what is pushed later is heard.
      if (this.stopped || !(await worker.hasNothing()) || this.stopped) {
        return;
      }
      const callers = new StopCallers();
      callers.begin(1);
      await worker.stop(this.deps.options.shutdownTimeoutMs, callers);
      this.running.delete(worker);
      source.events.emit({ type: 'suspended' });
      await sleep.wait();
      source.events.emit({ type: 'resumed' });
      this.resume(source);
    } catch (error) {
      source.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    } finally {
      await sleep.close();
    }
  }

  private resume(source: QueueDatabase): void {
    if (this.stopped) {
      return;
    }
    try {
      this.startIn(source);
    } catch (error) {
      // Its DataSource is away just now, for example.
      source.events.emit({ type: 'connection-failed', role: 'claim', error });
      this.startLater(source);
    }
  }

  private startLater(source: QueueDatabase): void {
    this.late.push(openLater(source, () => this.startIn(source)));
  }
}
