/** How one worker process runs, whatever its kinds. */
export interface WorkerOptions {
  /** The name of this worker process, for operators. */
  readonly workerName: string;
  readonly heartbeatPeriodMs: number;
  readonly leaseTimeoutMs: number;
  /** How long a statement of the queue's own may take. */
  readonly statementTimeoutMs: number;
  /** Wake up by LISTEN/NOTIFY; polling alone otherwise. */
  readonly listen: boolean;
  /** Let `currentTask` answer within handlers. */
  readonly taskContext: boolean;
  /** A pooler in transaction mode stands before the server. */
  readonly transactionPooling: boolean;
  /** The largest payload that is pushed. */
  readonly maxPayloadBytes: number;
  /** How many bytes of payloads the process may hold. */
  readonly maxPayloadMemory: number;
}

/** So many heartbeats must be missing before a process may be dead. */
const MISSED_HEARTBEATS = 3;

/** How long a worker process must be silent before it is looked at. */
export function silenceMs({ heartbeatPeriodMs, leaseTimeoutMs }: WorkerOptions): number {
  return Math.min(leaseTimeoutMs, heartbeatPeriodMs * MISSED_HEARTBEATS);
}
