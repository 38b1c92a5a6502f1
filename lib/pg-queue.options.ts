import { hostname } from 'node:os';
import type { EntityManager } from 'typeorm';
import type { HandlerEnhancers } from './handlers/task-handler.invoker.js';
import type { KindOverrides } from './handlers/task-handler.registry.js';
import { type Duration, toMilliseconds, toTimerMilliseconds } from './task/duration.js';
import { InvalidOptionError } from './task/task.errors.js';

export interface PgQueueModuleOptions {
  /** The name of the TypeORM DataSource that the queue works in. Default `'default'`. */
  dataSource?: string;
  /** The database schema of the queue's tables. Default: the DataSource's own, or `public`. */
  schema?: string;
  /** Check the queue's tables and start processing at application bootstrap. Default true. */
  autoStart?: boolean;
  /** How long running handlers get at shutdown before their signal is aborted and their tasks are given back. Default 20 s. */
  shutdownTimeout?: Duration;
  /** Options of kinds by number, over those of definitions and decorators. */
  kinds?: KindOverrides;
  /** The largest payload, in bytes of JSON. Default 1 MiB. */
  maxPayloadBytes?: number;
  /** Wake up by LISTEN/NOTIFY, on a direct connection. Default true; false: polling alone. */
  listen?: boolean;
  /** A pooler in transaction mode (PgBouncer) stands before the server: no session settings, no prepared statements. Default false. */
  transactionPooling?: boolean;
  /** How often this process says that it is alive. Default 1 s. */
  heartbeatPeriod?: Duration;
  /** Without a heartbeat for so long, a worker process is declared dead and its tasks run elsewhere. Default 6 s. */
  leaseTimeout?: Duration;
  /** How long a statement of the queue's own may take before its connection is given up. Default 10 s. */
  statementTimeout?: Duration;
  /** The name of this worker process, for operators. Default: the host's name and the process id. */
  workerName?: string;
  /** Which of Nest's enhancers apply to handlers. Default: interceptors only. */
  enhancers?: HandlerEnhancers;
  /**
   * The ambient transaction, for pushes that name none: `() => txHost.tx` with nestjs-cls.
   * It is asked at each push; undefined: there is none.
   */
  transactionManager?: () => EntityManager | undefined;
}

/** The module's options with defaults, checked. */
export type ResolvedOptions = Required<
  Omit<
    PgQueueModuleOptions,
    | 'schema'
    | 'transactionManager'
    | 'shutdownTimeout'
    | 'heartbeatPeriod'
    | 'leaseTimeout'
    | 'statementTimeout'
  >
> &
  Pick<PgQueueModuleOptions, 'schema' | 'transactionManager'> & {
    shutdownTimeoutMs: number;
    heartbeatPeriodMs: number;
    leaseTimeoutMs: number;
    statementTimeoutMs: number;
  };

/** Injects the module's options as they were resolved. */
export const PG_QUEUE_OPTIONS = Symbol('PG_QUEUE_OPTIONS');

const BOOLEANS = ['autoStart', 'listen', 'transactionPooling'] as const;
const LARGEST_PAYLOAD = 64 * 1024 * 1024;

/** @throws InvalidOptionError that names the option and the value. */
export function resolveOptions(options: PgQueueModuleOptions = {}): ResolvedOptions {
  for (const name of BOOLEANS) {
    if (options[name] !== undefined && typeof options[name] !== 'boolean') {
      throw new InvalidOptionError(name, options[name], 'must be true or false');
    }
  }
  const { maxPayloadBytes = 1024 * 1024, workerName = `${hostname()}:${process.pid}` } = options;
  if (!Number.isInteger(maxPayloadBytes) || maxPayloadBytes < 1 || maxPayloadBytes > LARGEST_PAYLOAD) {
    throw new InvalidOptionError(
      'maxPayloadBytes',
      maxPayloadBytes,
      `must be an integer from 1 to ${LARGEST_PAYLOAD}`,
    );
  }
  if (typeof workerName !== 'string' || workerName === '' || workerName.includes('\0')) {
    throw new InvalidOptionError('workerName', workerName, 'must be a text');
  }
  const heartbeatPeriodMs = toTimerMilliseconds('heartbeatPeriod', options.heartbeatPeriod ?? '1s', 50);
  return {
    dataSource: options.dataSource ?? 'default',
    schema: options.schema,
    autoStart: options.autoStart ?? true,
    kinds: options.kinds ?? {},
    listen: options.listen ?? true,
    transactionPooling: options.transactionPooling ?? false,
    enhancers: options.enhancers ?? {},
    transactionManager: options.transactionManager,
    maxPayloadBytes,
    workerName,
    heartbeatPeriodMs,
    leaseTimeoutMs: toMilliseconds('leaseTimeout', options.leaseTimeout ?? '6s', {
      min: heartbeatPeriodMs * 2,
    }),
    shutdownTimeoutMs: toTimerMilliseconds('shutdownTimeout', options.shutdownTimeout ?? '20s', 0),
    statementTimeoutMs: toTimerMilliseconds('statementTimeout', options.statementTimeout ?? '10s', 100),
  };
}
