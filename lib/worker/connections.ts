import { ControlPool } from '../storage/control-pool.js';
import { ListenConnection } from '../storage/listen-connection.js';
import type { Database } from '../storage/database.js';
import type { ConnectionRole } from '../events/queue-events.js';
import type { ConnectionStates } from './connection-states.js';
import type { WorkerOptions } from './worker-options.js';

/** How long outcomes wait for rows that a transaction of the application's holds, before those that are free go first. */
const LOCK_TIMEOUT_MS = 300;
/** How long connections get to end on their own. */
const CLOSE_GRACE_MS = 500;

/**
 * The queue's own connections, apart from the application's pool: one that claims, one that carries the heartbeat and nothing
 * else, up to three that settle and clean, and one that listens. While the server has no more to give, the first three share what
 * they have: who can claim can settle, and one connection is enough for a process to go on.
 */
export class Connections {
  readonly claim: ControlPool;
  readonly heartbeat: ControlPool;
  readonly settle: ControlPool;

  /** @param onConnect is called when one of the first three has a new connection */
  constructor(
    private readonly database: Database,
    private readonly options: WorkerOptions,
    private readonly states: ConnectionStates,
    private readonly path: string,
    private readonly onConnect: (role: ConnectionRole) => void,
  ) {
    this.claim = this.pool('claim', 1, options.statementTimeoutMs);
    this.heartbeat = this.pool('heartbeat', 1, heartbeatDeadline(options));
    this.settle = this.pool('settle', 3, options.statementTimeoutMs, LOCK_TIMEOUT_MS);
  }

  async listen(
    channel: string,
    onMessage: (payload: string) => void,
    onClosed: (error: Error) => void,
  ): Promise<ListenConnection> {
    const { workerName: worker, statementTimeoutMs: deadlineMs, transactionPooling } = this.options;
    // The listening connection is opened last: polls do without it, and where connections are short it must not be a process's only one.
    await this.heartbeat.ensureOpen();
    return ListenConnection.open(
      { connection: this.database.connectionOptions(), worker, deadlineMs, transactionPooling },
      channel,
      onMessage,
      onClosed,
    );
  }

  /** Closes all connections, in a bounded time whatever the server does. */
  async close(): Promise<void> {
    await Promise.all(this.all.map((pool) => pool.close(CLOSE_GRACE_MS)));
  }

  /** The pools, those that claim and write first: the heartbeat's connection is lent when there is no other. */
  private get all(): readonly ControlPool[] {
    return [this.settle, this.claim, this.heartbeat];
  }

  private pool(
    role: ConnectionRole,
    max: number,
    deadlineMs: number,
    lockTimeoutMs = deadlineMs,
  ): ControlPool {
    return new ControlPool({
      connection: () => this.database.connectionOptions(),
      purpose: { role, worker: this.options.workerName },
      max,
      deadlineMs,
      lockTimeoutMs,
      transactionPooling: this.options.transactionPooling,
      path: this.path,
      lenders: () => this.all,
      onError: (error) => this.states.failed(role, error),
      onConnect: () => this.onConnect(role),
    });
  }
}

/** A heartbeat that hangs must be given up in time for the next to count. */
function heartbeatDeadline({ heartbeatPeriodMs, statementTimeoutMs }: WorkerOptions): number {
  return Math.min(statementTimeoutMs, Math.max(1000, heartbeatPeriodMs * 2));
}
