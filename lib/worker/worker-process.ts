import type { RegisteredHandler } from '../handlers/registered-handler.js';
import type { Instruments } from '../events/instrumentation.js';
import type { ConnectionRole } from '../events/queue-events.js';
import { ClaimRepository } from '../storage/claim.repository.js';
import type { Database } from '../storage/database.js';
import { LeaseRepository, type WorkerInfo } from '../storage/lease.repository.js';
import { SettleRepository } from '../storage/settle.repository.js';
import type { QueueSql } from '../storage/sql/index.js';
import { TaskRepository } from '../storage/task.repository.js';
import { within } from '../timing/timeout.js';
import { ClaimCursor } from './claim/claim-cursor.js';
import { ClaimSchedule } from './claim/claim-schedule.js';
import { ClaimSignal } from './claim/claim-signal.js';
import { Claimer } from './claim/claimer.js';
import { IdleBackoff } from './claim/idle-backoff.js';
import { PausedKinds } from './claim/paused-kinds.js';
import { Rewinder } from './claim/rewinder.js';
import { WakeListener } from './claim/wake-listener.js';
import { ConnectionStates } from './connection-states.js';
import { Connections } from './connections.js';
import { AttemptWatch } from './lease/attempt-watch.js';
import { HeldLeases } from './lease/held-leases.js';
import { LeaseKeeper, type Rescue } from './lease/lease-keeper.js';
import { LostClaims } from './lease/lost-claims.js';
import { Reconciler } from './lease/reconciler.js';
import { TaskReleaser } from './lease/task-releaser.js';
import { WorkerReporter } from './lease/worker-reporter.js';
import type { AbandonedTasks } from './run/abandoned-handlers.js';
import type { Attempt } from './run/attempt.js';
import { Completer } from './run/completer.js';
import { Drain } from './run/drain.js';
import { LastAttempts } from './run/last-attempts.js';
import type { StopCallers } from './run/stop-callers.js';
import { WorkerPool, type WorkerPoolDeps } from './run/worker-pool.js';
import type { WorkerPools } from './run/worker-pools.js';
import { Settler } from './settle/settler.js';
import type { Slots } from './slots/slots.js';
import type { WorkerBase } from './worker-base.js';
import { silenceMs, type WorkerOptions } from './worker-options.js';

export interface WorkerProcessDeps extends Pick<WorkerBase, 'events' | 'origin' | 'refused'> {
  database: Database;
  /** The other databases of the queue, in which another task may have the same number. */
  otherDatabases: readonly Database[];
  sql: QueueSql;
  instruments: Instruments;
  options: WorkerOptions;
  /** The pools of the kinds that this process takes on; empty at first. */
  pools: WorkerPools;
  /** The tasks whose handlers outlived their attempts, in earlier runs too. */
  abandonedTasks: AbandonedTasks;
  /** Names this process in what it reports, in every database. */
  instance: string;
  /** Describes this process; read when a lease is taken. */
  info: () => WorkerInfo;
}

/** How long the last outcomes get to be written at a stop. */
const SETTLE_GRACE_MS = 1000;

/** One run of the consumer side, from start to stop: its slots, its lease, its connections, and what moves tasks between them. */
export class WorkerProcess {
  readonly connections: Connections;
  readonly drain: Drain;
  private readonly cursor = new ClaimCursor();
  private readonly idle = new IdleBackoff(() => this.hasWork);
  private readonly schedule = new ClaimSchedule(this.cursor, this.idle);
  private readonly claims = new ClaimSignal(this.schedule, this.idle);
  private readonly rewinder: Rewinder;
  private readonly settler: Settler;
  private readonly lastAttempts: LastAttempts;
  private readonly watch: AttemptWatch;
  private readonly leases: LeaseKeeper;
  private readonly lost: LostClaims;
  private readonly claimer: Claimer;
  private readonly reconciler: Reconciler;
  private readonly listener: WakeListener | undefined;
  private readonly poolDeps: WorkerPoolDeps;

  constructor(private readonly deps: WorkerProcessDeps) {
    const { database, sql, events, origin, options, pools, refused, instance } = deps;
    const { cursor, idle, schedule, claims } = this;
    const states = new ConnectionStates(events);
    this.connections = new Connections(database, options, states, sql.writersPath, (role) =>
      this.reconnected(role),
    );
    const { connections } = this;
    const settle = new SettleRepository(connections.settle, sql);
    const leaseRepository = new LeaseRepository(connections.settle, sql);
    const held = new HeldLeases();
    const paused = new PausedKinds(pools, events, claims);
    const drain = (this.drain = new Drain(pools));
    const rewinder = (this.rewinder = new Rewinder(leaseRepository, cursor, states));
    const base = { ...deps, ...options, cursor, idle, schedule, claims, states, held, paused, rewinder };
    const settler = (this.settler = new Settler(base, settle));
    const lastAttempts = (this.lastAttempts = new LastAttempts(base, pools, settler, settle));
    const watch = (this.watch = new AttemptWatch(base, pools, settle));
    const leases = (this.leases = new LeaseKeeper({
      ...base,
      watch,
      settler,
      heartbeats: new LeaseRepository(connections.heartbeat, sql),
      repository: leaseRepository,
      reporter: new WorkerReporter(pools, silenceMs(options), instance, refused),
      silenceMs: silenceMs(options),
      tiesSession: !options.transactionPooling,
    }));
    const releaser = new TaskReleaser(base, pools, settle);
    const lost = (this.lost = new LostClaims(base, leaseRepository, releaser));
    const repository = new ClaimRepository(connections.claim, sql);
    const claimer = (this.claimer = new Claimer({ ...base, settler, watch, leases, lost, repository }));
    this.reconciler = new Reconciler({ ...base, settler, releaser, claimer, leases: leaseRepository });
    this.listener = options.listen
      ? new WakeListener({ ...base, connections, channel: sql.names.channel, watch, leases })
      : undefined;
    this.poolDeps = {
      ...base,
      settler,
      lastAttempts,
      drain,
      completer: new Completer(database, deps.otherDatabases, origin, pools, new TaskRepository(sql)),
      admissions: [paused, refused, settler],
    };
  }

  /** Takes on a kind, in these slots; before the start or while running. */
  add(handler: RegisteredHandler, slots: Slots): void {
    const pool = new WorkerPool(handler, slots, this.poolDeps);
    this.deps.pools.set(pool.kind, pool);
    this.schedule.add(pool);
    this.claims.wake();
  }

  /** @param rescue sees to other processes that may be lost, and to leases that ended with tasks */
  start(rescue: Rescue): void {
    this.leases.start(rescue);
    this.listener?.start();
    this.claimer.start();
    this.reconciler.start();
  }

  /** Whether an attempt is one of this process's. */
  runs(attempt: Attempt): boolean {
    return this.deps.pools.attempts().includes(attempt);
  }

  /** Whether nothing runs, waits or is in doubt, and has not for a while; where wake-ups are to be heard, they are. */
  get isIdle(): boolean {
    return (this.idle.isListening || !this.listener) && this.idle.hasNothing && !this.lost.areInDoubt;
  }

  /** Resets a kind's cursors, to find what may have been left behind them. */
  sweep(kind: number): void {
    this.cursor.sweep(kind);
    this.claims.checkAll();
  }

  /**
   * Claims nothing more, waits for what runs, then aborts and releases it; bounded whatever the database does.
   * @returns how many attempts were released, and whether all outcomes were written.
   */
  async stop(timeoutMs: number, callers: StopCallers): Promise<{ released: number; settled: boolean }> {
    const { pools, refused } = this.deps;
    const deadline = performance.now() + timeoutMs;
    const left = () => Math.max(0, deadline - performance.now());
    pools.forEach((pool) => pool.drain());
    const answered = await within(left(), Promise.all([this.claimer.stop(), this.listener?.stop()]));
    // Nothing is started any more, even if a late answer brings tasks.
    this.claimer.close();
    const released = await this.drain.run(left, callers);
    const settled = await within(Math.max(SETTLE_GRACE_MS, left()), this.settler.drained());
    this.settler.close();
    this.lastAttempts.close();
    this.rewinder.close();
    pools.forEach((pool) => pool.close());
    const inDoubt = this.lost.areInDoubt;
    await within(SETTLE_GRACE_MS, Promise.all([this.reconciler.stop(), this.lost.stop()]));
    const clean = answered && settled && !refused.leaveLeased;
    await within(SETTLE_GRACE_MS, this.endLeases(clean, inDoubt));
    return { released, settled };
  }

  /** One of the connections is new: the server may be another, or have gone back in time. */
  private reconnected(role: ConnectionRole): void {
    if (role === 'claim') {
      this.cursor.reset();
    } else if (role === 'heartbeat') {
      this.leases.reconnected();
      this.watch.reconnected();
    }
  }

  /** Attempts run or wait, or outcomes are to be written. */
  private get hasWork(): boolean {
    return this.settler.isBusy || this.deps.pools.attempts().length > 0;
  }

  /** A lease that tasks may still point to is left to the rescue of another process: nothing is to be waited for. */
  private async endLeases(clean: boolean, inDoubt: boolean): Promise<void> {
    const stopped = this.leases.stop();
    if (clean) {
      await this.leases.end(await stopped, inDoubt);
    }
  }
}
