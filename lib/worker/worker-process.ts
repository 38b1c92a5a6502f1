import type { RegisteredHandler } from '../handlers/registered-handler.js';
import { ClaimRepository } from '../storage/claim.repository.js';
import type { Database } from '../storage/database.js';
import { LeaseRepository, type WorkerInfo } from '../storage/lease.repository.js';
import { SettleRepository } from '../storage/settle.repository.js';
import type { QueueSql } from '../storage/sql/index.js';
import { TaskRepository } from '../storage/task.repository.js';
import type { Instruments } from '../events/instrumentation.js';
import type { Outcome } from '../task/outcome.js';
import type { EventSink } from '../events/queue-events.js';
import type { Executor, Manager } from '../task/transaction.js';
import type { AbandonedTasks } from './run/abandoned-handlers.js';
import { AttemptWatch } from './lease/attempt-watch.js';
import type { Attempt } from './run/attempt.js';
import type { TaskOrigin } from './task-origin.js';
import { ClaimCursor } from './claim/claim-cursor.js';
import { ClaimSchedule } from './claim/claim-schedule.js';
import { Claimer } from './claim/claimer.js';
import { Completer } from './run/completer.js';
import { ConnectionStates } from './connection-states.js';
import { Connections } from './connections.js';
import { within } from '../timing/timeout.js';
import { Drain } from './run/drain.js';
import { LastAttempts } from './run/last-attempts.js';
import { LeaseKeeper } from './lease/lease-keeper.js';
import { PausedKinds } from './claim/paused-kinds.js';
import { Reconciler } from './lease/reconciler.js';
import type { RefusedTasks } from './refused-tasks.js';
import { IdleBackoff } from './claim/idle-backoff.js';
import { Rewinder } from './claim/rewinder.js';
import { entryOf } from './settle/settler-entry.js';
import { Settler } from './settle/settler.js';
import type { Slots } from './slots/slots.js';
import type { StopCallers } from './run/stop-callers.js';
import { WakeListener } from './claim/wake-listener.js';
import { silenceMs, type WorkerOptions } from './worker-options.js';
import { WorkerPool } from './run/worker-pool.js';
import { WorkerReporter } from './lease/worker-reporter.js';

export interface WorkerProcessDeps {
  database: Database;
  sql: QueueSql;
  events: EventSink;
  origin: TaskOrigin;
  instruments: Instruments;
  options: WorkerOptions;
  /** Whether a transaction is known to be of another database of the queue, where a task of the same number may be. */
  isOfAnother(transaction: Manager | Executor): boolean;
  /** The tasks whose handlers outlived their attempts, in earlier runs too. */
  abandonedTasks: AbandonedTasks;
  refused: RefusedTasks;
  /** Names this process in what it reports, in every database. */
  instance: string;
  /** Read when a lease is taken. */
  info: () => WorkerInfo;
  /** Other worker processes may be dead. */
  onSilentProcesses(leaseIds: readonly number[]): void;
  /** Leases have ended, and tasks point to them still. */
  onEndedLeases(leaseIds: readonly number[]): void;
}

/** How long the last outcomes get to be written then. */
const SETTLE_GRACE_MS = 1000;

/** One run of the consumer side, from start to stop: its slots, its lease, its connections, and what moves tasks between them. */
export class WorkerProcess {
  readonly pools = new Map<number, WorkerPool>();
  readonly connections: Connections;
  private readonly states: ConnectionStates;
  readonly claimer: Claimer;
  private readonly cursor = new ClaimCursor();
  private readonly rest = new IdleBackoff({
    isListening: () => this.isListening,
    hasWork: () => this.settler.isBusy || this.watch.attempts().length > 0,
  });
  private readonly schedule = new ClaimSchedule(this.cursor, this.rest);
  private readonly paused = new PausedKinds((kind, paused) => this.onPauseChanged(kind, paused));
  private readonly completer: Completer;
  private readonly lastAttempts: LastAttempts;
  private readonly reconciler: Reconciler;
  private readonly settler: Settler;
  private readonly rewinder: Rewinder;
  private readonly leases: LeaseKeeper;
  private readonly watch: AttemptWatch;
  private readonly listener: WakeListener | undefined;
  readonly drain = new Drain(this.pools);

  constructor(private readonly deps: WorkerProcessDeps) {
    const { database, sql, events, options } = deps;
    this.states = new ConnectionStates(events);
    this.connections = new Connections(database, options, this.states, sql.writersPath, {
      onClaimConnection: () => this.cursor.reset(),
      onHeartbeatConnection: () => {
        this.leases.reconnected();
        this.watch.reconnected();
      },
    });
    this.completer = new Completer({ ...deps, repository: new TaskRepository(sql), pools: this.pools });
    const settleRepository = new SettleRepository(this.connections.settle, sql);
    this.settler = new Settler({
      ...deps,
      repository: settleRepository,
      states: this.states,
      holds: (leaseId) => this.leases.holds(leaseId),
      onRoom: () => this.claimer.poke(),
      onReopened: (delayMs) => this.claimer.expect(delayMs),
      onUnclaimed: () => this.onReleased(),
    });
    const { cursor, pools, rest, schedule, settler, states } = this;
    const parts = { cursor, pools, rest, schedule, settler, states };
    this.lastAttempts = new LastAttempts({ ...deps, ...parts, repository: settleRepository });
    this.rewinder = new Rewinder(new LeaseRepository(this.connections.settle, sql), this.states);
    this.watch = new AttemptWatch(this.pools, settleRepository, deps.origin);
    this.leases = this.createLeaseKeeper();
    this.claimer = new Claimer({
      ...deps,
      ...options,
      ...parts,
      repository: new ClaimRepository(this.connections.claim, sql),
      leases: this.leases,
      onAnswerLost: (request) => this.reconciler.answerLost(request),
      isPaused: (kind) => this.paused.has(kind),
      onStarted: () => void this.watched(this.watch.recheck()),
    });
    this.reconciler = this.createReconciler(settleRepository);
    this.listener = options.listen ? this.createListener() : undefined;
  }

  /** Takes on a kind, in these slots; before the start or while running. */
  add(handler: RegisteredHandler, slots: Slots): void {
    const pool = new WorkerPool(handler, slots, {
      ...this.deps,
      taskContext: this.deps.options.taskContext,
      onEnded: (attempt, outcome) => this.onEnded(pool, attempt, outcome),
      tell: (event) => this.deps.events.emit(event),
      onRoom: () => this.onRoom(),
      completer: this.completer,
      begin: (attempt, hooks) => this.lastAttempts.begin(attempt, hooks),
      isPaused: (kind) => this.paused.has(kind),
      isWithheld: (kind) => this.deps.refused.withholds(kind) || this.settler.withholds(kind),
    });
    this.pools.set(pool.kind, pool);
    this.schedule.add(pool);
    this.claimer.poke();
  }

  start(): void {
    this.leases.start();
    this.listener?.start();
    this.claimer.start();
    this.reconciler.start();
  }

  /** Whether an attempt is one of this process's. */
  runs(attempt: Attempt): boolean {
    return this.watch.attempts().includes(attempt);
  }

  get isListening(): boolean {
    return this.listener?.isListening ?? false;
  }

  /** Whether nothing runs, waits or is in doubt, and has not for a while; where wake-ups are to be heard, they are. */
  get isIdle(): boolean {
    return (this.isListening || !this.listener) && this.rest.hasNothing && !this.reconciler.isInDoubt;
  }

  /** Starts a kind's cursors anew, to find what may have been left behind them. */
  sweep(kind: number): void {
    this.cursor.sweep(kind);
    this.claimer.lookAgain();
  }

  /**
   * Claims nothing more, waits for what runs, then aborts it and gives it back; bounded whatever the database does.
   * @returns how many attempts were given back, and whether all outcomes were written.
   */
  async stop(timeoutMs: number, callers: StopCallers): Promise<{ released: number; settled: boolean }> {
    const deadline = performance.now() + timeoutMs;
    const left = () => Math.max(0, deadline - performance.now());
    this.pools.forEach((pool) => pool.drain());
    const answered = await within(left(), Promise.all([this.claimer.stop(), this.listener?.stop()]));
    // Nothing is started any more, even if a late answer brings tasks.
    this.claimer.close();
    const released = await this.drain.run(left, callers);
    const settled = await within(Math.max(SETTLE_GRACE_MS, left()), this.settler.drained());
    this.settler.close();
    this.lastAttempts.close();
    this.rewinder.close();
    this.pools.forEach((pool) => pool.close());
    const inDoubt = this.reconciler.isInDoubt;
    await within(SETTLE_GRACE_MS, this.reconciler.stop());
    const clean = answered && settled && !this.deps.refused.leaveLeased;
    await within(SETTLE_GRACE_MS, this.endLeases(clean, inDoubt));
    return { released, settled };
  }

  /** A lease that tasks may still point to is left to the rescue of another process: nothing is to be waited for. */
  private async endLeases(clean: boolean, inDoubt: boolean): Promise<void> {
    const stopped = this.leases.stop();
    if (clean) {
      await this.leases.end(await stopped, inDoubt);
    }
  }

  private onEnded(pool: WorkerPool, attempt: Attempt, outcome: Outcome): void {
    const entry = entryOf(attempt, outcome, pool, this.deps.origin);
    const { task, as, durationMs, error } = entry;
    attempt.instrumented?.ended(as, error);
    if (attempt.lost && !attempt.completed) {
      this.deps.events.emit({ type: 'attempt-settled', ...task, as, exhausted: false, durationMs, error });
    } else {
      this.settler.add(entry);
    }
    this.onRoom();
  }

  private onRoom(): void {
    this.claimer.poke();
    this.drain.changed();
  }

  private onPauseChanged(kind: number, paused: boolean): void {
    const pool = this.pools.get(kind);
    if (pool) {
      this.deps.events.emit({ type: paused ? 'kind-paused' : 'kind-resumed', kind, name: pool.name });
      if (paused) {
        pool.unclaimWaiting();
      }
      this.claimer.ring();
    }
  }

  /** Tasks are back in their old places, which the cursors of all processes may have passed. */
  private onReleased(): void {
    this.cursor.reset();
    this.rewinder.request();
  }

  private createReconciler(settle: SettleRepository): Reconciler {
    return new Reconciler({
      ...this.deps,
      ...this.deps.options,
      leases: new LeaseRepository(this.connections.settle, this.deps.sql),
      settle,
      held: () => this.leases.all,
      places: () => this.cursor.places(),
      known: () => [...this.watch.attempts(), ...this.settler.unwritten()],
      claimAnswered: () => this.claimer.answered(),
      nameOf: (kind) => this.pools.get(kind)?.name ?? `pgqueue-${kind}`,
      onReleased: () => {
        this.onReleased();
        this.claimer.ring();
      },
    });
  }

  private createLeaseKeeper(): LeaseKeeper {
    const { sql, events, options, instance, refused, onSilentProcesses, onEndedLeases } = this.deps;
    const reporter = new WorkerReporter(this.pools, silenceMs(options), instance, refused);
    return new LeaseKeeper({
      ...this.deps,
      heartbeats: new LeaseRepository(this.connections.heartbeat, sql),
      repository: new LeaseRepository(this.connections.settle, sql),
      report: () => reporter.report(),
      states: this.states,
      heartbeatPeriodMs: options.heartbeatPeriodMs,
      rest: this.rest,
      silenceMs: silenceMs(options),
      tiesSession: !options.transactionPooling,
      onLost: (leaseId) =>
        events.emit({ type: 'lease-lost', leaseId, running: this.watch.leaseLost(leaseId) }),
      onPaused: (kinds) => this.paused.update(kinds),
      onAcquired: () => this.claimer.ring(),
      onSilent: onSilentProcesses,
      onEnded: onEndedLeases,
      onBeat: () => void this.watched(this.watch.onBeat(this.isListening)),
      isUsed: (leaseId) =>
        this.settler.uses(leaseId) || this.watch.attempts().some((attempt) => attempt.leaseId === leaseId),
    });
  }

  /** Never rejects: the next heartbeat asks again. */
  private async watched(check: Promise<void>): Promise<void> {
    await check.catch((error: unknown) => this.states.failed('settle', error));
  }

  private createListener(): WakeListener {
    const { channel } = this.deps.sql.names;
    return new WakeListener({
      connect: (onMessage, onClosed) => this.connections.listen(channel, onMessage, onClosed),
      events: this.deps.events,
      heartbeatPeriodMs: this.deps.options.heartbeatPeriodMs,
      states: this.states,
      onRing: () => this.claimer.ring(),
      onLost: (leaseId, taskId) => void this.watched(this.watch.cancelled(leaseId, taskId)),
      onPauses: () => this.leases.beatNow(),
    });
  }
}
