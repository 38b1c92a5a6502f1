import { ControlPool } from '../storage/control-pool.js';
import { ListenConnection } from '../storage/listen-connection.js';
import type { Database } from '../storage/database.js';
import type { ConnectionRole } from '../task/queue-events.js';
import type { ConnectionStates } from './connection-states.js';
import type { WorkerOptions } from './worker-options.js';

/** How long outcomes wait for rows that a transaction of the application's holds, before those that are free go first. */
const LOCK_TIMEOUT_MS = 300;
/** How long connections get to end by themselves. */
const CLOSE_GRACE_MS = 500;

/**
 * The queue's own connections, apart from the application's pool: one that claims, one that carries the heartbeat and nothing
 * else, up to three that settle and clean, and one that listens.
 */
export class Connections {
  readonly claim: ControlPool;
  readonly heartbeat: ControlPool;
  readonly settle: ControlPool;

  constructor(
    private readonly database: Database,
    private readonly options: WorkerOptions,
    private readonly states: ConnectionStates,
    hooks: { onClaimConnection(): void; onHeartbeatConnection(): void },
  ) {
    this.claim = this.pool('claim', 1, options.statementTimeoutMs, () => hooks.onClaimConnection());
    this.heartbeat = this.pool('heartbeat', 1, heartbeatDeadline(options), () =>
      hooks.onHeartbeatConnection(),
    );
    this.settle = this.pool('settle', 3, options.statementTimeoutMs, undefined, LOCK_TIMEOUT_MS);
  }

  listen(
    channel: string,
    onMessage: (payload: string) => void,
    onClosed: (error: Error) => void,
  ): Promise<ListenConnection> {
    const { workerName: worker, statementTimeoutMs: deadlineMs, transactionPooling } = this.options;
    return ListenConnection.open(
      { connection: this.database.connectionOptions(), worker, deadlineMs, transactionPooling },
      channel,
      onMessage,
      onClosed,
    );
  }

  /** Bounded, whatever the server does. */
  async close(): Promise<void> {
    await Promise.all([this.claim, this.heartbeat, this.settle].map((pool) => pool.close(CLOSE_GRACE_MS)));
  }

  private pool(
    role: ConnectionRole,
    max: number,
    deadlineMs: number,
    onConnect?: () => void,
    lockTimeoutMs = deadlineMs,
  ): ControlPool {
    return new ControlPool({
      connection: () => this.database.connectionOptions(),
      purpose: { role, worker: this.options.workerName },
      max,
      deadlineMs,
      lockTimeoutMs,
      transactionPooling: this.options.transactionPooling,
      onError: (error) => this.states.failed(role, error),
      ...(onConnect ? { onConnect } : {}),
    });
  }
}

/** A heartbeat that hangs must be given up in time for the next to count. */
function heartbeatDeadline({ heartbeatPeriodMs, statementTimeoutMs }: WorkerOptions): number {
  return Math.min(statementTimeoutMs, Math.max(1000, heartbeatPeriodMs * 2));
}
