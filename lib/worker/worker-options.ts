/** How one worker process runs, whatever its kinds. */
export interface WorkerOptions {
  /** The name of this worker process, for operators. */
  readonly workerName: string;
  readonly heartbeatPeriodMs: number;
  readonly leaseTimeoutMs: number;
  /** How long a statement of the queue's own may take. */
  readonly statementTimeoutMs: number;
  /** Whether wake-ups come by LISTEN/NOTIFY; otherwise the process polls alone. */
  readonly listen: boolean;
  /** Whether `currentTask` returns the task within handlers. */
  readonly taskContext: boolean;
  /** Whether a pooler in transaction mode stands before the server. */
  readonly transactionPooling: boolean;
  /** The largest payload that is pushed. */
  readonly maxPayloadBytes: number;
  /** How many bytes of payloads the process may hold. */
  readonly maxPayloadMemory: number;
}

/** So many heartbeats must be missing before a process may be lost. */
const MISSED_HEARTBEATS = 3;

/** How long a worker process must be silent before others consider a rescue. */
export function silenceMs({ heartbeatPeriodMs, leaseTimeoutMs }: WorkerOptions): number {
  return Math.min(leaseTimeoutMs, heartbeatPeriodMs * MISSED_HEARTBEATS);
}
