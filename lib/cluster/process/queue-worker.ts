import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import type { TaskHandlerRegistry } from '../../handlers/task-handler.registry.js';
import type { ResolvedOptions } from '../queue.options.js';
import type { Shard } from '../shard.js';
import { ShardOpening } from './shard-opening.js';
import { ShardWorker } from './shard-worker.js';
import { ShardSleep } from './shard-sleep.js';
import { ReadOnlyServerError } from '../../storage/visibility-check.js';
import { callShards, type ShardResults } from '../shard-results.js';
import type { Instruments } from '../../events/instrumentation.js';
import type { KindSlots } from '../../inspect/kind-slots.js';
import type { QueueEvents } from '../../events/queue-events.js';
import { SchemaMismatchError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from '../../worker/run/attempt.js';
import { retryDelay } from '../../timing/retry-delay.js';
import { FairSlots } from '../../worker/slots/fair-slots.js';
import type { Slots } from '../../worker/slots/slots.js';
import { SoleSlots } from '../../worker/slots/sole-slots.js';
import { StopCallers } from '../../worker/run/stop-callers.js';
import { EventLoopWatch } from '../../worker/event-loop-watch.js';
import type { Processing } from './processing-lifecycle.js';

/** How often shards are checked at most; that takes a second or two, unless servers are silent. */
const MOST_CHECKS = 6;

export interface QueueWorkerDeps {
  shards: readonly Shard[];
  registry: TaskHandlerRegistry;
  events: QueueEvents;
  instruments: Instruments;
  options: ResolvedOptions;
}

/** One run of processing, in all shards. Without a handler it does nothing at all. */
export class QueueWorker implements Processing {
  private readonly slotsOf = new Map<number, Slots>();
  private readonly running = new Set<ShardWorker>();
  /** Shards in which there is nothing to do. */
  private readonly sleeping = new Map<ShardSleep, Promise<void>>();
  private stopped = false;
  private readonly late: ShardOpening[] = [];
  private readonly instance = randomUUID();
  private ready: readonly Shard[] = [];
  private readonly eventLoop: EventLoopWatch;

  constructor(private readonly deps: QueueWorkerDeps) {
    this.eventLoop = new EventLoopWatch(deps.events, deps.options.leaseTimeoutMs);
  }

  /**
   * Checks whether the shards can be worked in. One that can't be reached is left for later, as long as another can; where none can,
   * the servers may be just busy, or just coming back, and are checked a few times more.
   * @param isWanted whether that is worth while: a stop waits for the end of it
   * @throws SchemaMismatchError when tables are missing, of another version, or not accessible; and what a shard says when none answers
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
      this.ready.forEach((shard) => this.startIn(shard));
      this.deps.shards
        .filter((shard) => !this.ready.includes(shard))
        .forEach((shard) => this.startLater(shard));
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
    this.running.forEach((processing) => processing.add(handler, slots));
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
    return [...this.running].some((processing) => processing.runs(attempt));
  }

  onCalled(): void {
    this.running.forEach((processing) => processing.onCalled());
  }

  async stop(timeoutMs: number, callers: StopCallers): Promise<void> {
    this.stopped = true;
    this.eventLoop.stop();
    this.sleeping.forEach((_, sleep) => sleep.end());
    await Promise.all(this.sleeping.values());
    this.late.forEach((opening) => opening.stop());
    const running = [...this.running];
    callers.begin(running.length);
    const released = await Promise.all(running.map((processing) => processing.stop(timeoutMs, callers)));
    this.deps.events.emit({ type: 'stopped', released: released.reduce((sum, count) => sum + count, 0) });
  }

  private check(): Promise<ShardResults<Shard, void>> {
    const { shards, registry } = this.deps;
    const use = registry.getAll().length > 0 ? 'work' : 'push';
    return callShards(shards, (shard) =>
      shards.length > 1 ? shard.checkOnOwnConnection(use) : shard.check(use),
    );
  }

  private addSlots({ options }: RegisteredHandler): Slots {
    const { shards, events } = this.deps;
    const slots = shards.length > 1 ? new FairSlots(options, events) : new SoleSlots(options, events);
    this.slotsOf.set(options.kind, slots);
    return slots;
  }

  private startIn(shard: Shard): void {
    const { shards, registry, instruments, options } = this.deps;
    const others = shards.filter((other) => other !== shard);
    const { instance } = this;
    const onIdle = (): Promise<void> => this.sleep(shard, processing);
    const processing: ShardWorker = new ShardWorker({
      shard,
      others,
      instance,
      instruments,
      options,
      onIdle,
    });
    for (const handler of registry.getAll()) {
      processing.add(handler, this.slotsOf.get(handler.options.kind)!);
    }
    this.running.add(processing);
    processing.start();
  }

  private async sleep(shard: Shard, processing: ShardWorker): Promise<void> {
    const sleep = new ShardSleep(shard, this.deps.options);
    const slept = this.sleepIn(shard, processing, sleep).finally(() => this.sleeping.delete(sleep));
    this.sleeping.set(sleep, slept);
    await slept;
  }

  /** Never rejects. */
  private async sleepIn(shard: Shard, processing: ShardWorker, sleep: ShardSleep): Promise<void> {
    try {
      await sleep.listen();
      // What was pushed before is found now, what is pushed later is heard.
      if (this.stopped || !(await processing.hasNothing()) || this.stopped) {
        return;
      }
      const callers = new StopCallers();
      callers.begin(1);
      await processing.stop(this.deps.options.shutdownTimeoutMs, callers);
      this.running.delete(processing);
      shard.events.emit({ type: 'suspended' });
      await sleep.wait();
      shard.events.emit({ type: 'resumed' });
      this.resume(shard);
    } catch (error) {
      shard.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    } finally {
      await sleep.close();
    }
  }

  private resume(shard: Shard): void {
    if (this.stopped) {
      return;
    }
    try {
      this.startIn(shard);
    } catch (error) {
      // Its DataSource is away just now, for example.
      shard.events.emit({ type: 'connection-failed', role: 'claim', error });
      this.startLater(shard);
    }
  }

  private startLater(shard: Shard): void {
    const opening = new ShardOpening(shard, () => this.startIn(shard));
    this.late.push(opening);
    opening.start();
  }
}
