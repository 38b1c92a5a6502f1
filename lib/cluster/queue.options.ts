import { hostname } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { ReadFrom } from '../admin/database-admin.js';
import type { HandlerEnhancers } from '../handlers/task-handler.invoker.js';
import type { KindOverrides } from '../handlers/task-handler.registry.js';
import { type Duration, toMilliseconds, toTimerMilliseconds } from '../timing/duration.js';
import { isPool, type PgPool } from '../storage/executor.js';
import { schemaNames } from '../storage/schema-names.js';
import { checkShards, type ShardsOptions } from './shards.options.js';
import type { PayloadCodec } from '../task/payload-codec.js';
import { assertCodec, resolveKindOptions } from '../task/kind-options.js';
import { kindOf } from '../task/task-definition.js';
import type { Manager } from '../task/transaction.js';
import { check, checkCount, checkText, isObject } from '../errors/check.js';

/** The options of `PgQueueModule.forRoot`. Durations are milliseconds or texts such as `'20s'`. */
export interface PgQueueModuleOptions {
  /** The name of the TypeORM DataSource that the queue works in. Default `'default'`. */
  dataSource?: string;
  /** A `pg.Pool` that the queue works in, in place of a TypeORM DataSource. The application ends it, after the queue has stopped. */
  pool?: PgPool;
  /** Several databases instead of one, for an application that spreads its data; the name of each is that of its DataSource. */
  shards?: ShardsOptions;
  /**
   * Where `QueueAdmin` and the dashboard read what may be a little old (counts, lists, activity): with `'replica'` on one of the
   * `slaves` of TypeORM's `replication`. All else is asked of the master. Default `'master'`.
   */
  readFrom?: ReadFrom;
  /** The database schema of the queue's tables. Default: the DataSource's own, or `public`. */
  schema?: string;
  /** Check the queue's tables and start processing at application bootstrap. Default true. */
  autoStart?: boolean;
  /** How long running handlers get at shutdown before their signal is aborted and their tasks are given back. Default 20 s. */
  shutdownTimeout?: Duration;
  /** Options of kinds by number, over those of definitions and decorators. */
  kinds?: KindOverrides;
  /** How the payloads of all kinds are stored, unless a kind has a codec of its own: encrypted, compressed. Default: as they are. */
  codec?: PayloadCodec;
  /** The largest payload, in bytes of JSON. Default 1 MiB. */
  maxPayloadBytes?: number;
  /**
   * How many bytes of payloads, as JSON, this process claims at most until some of its tasks have ended; one task it takes in any
   * case. Decoded they take several times as much. Default: a sixteenth of what V8's heap may grow to, at most 256 MiB.
   */
  maxPayloadMemory?: number;
  /** Wake up by LISTEN/NOTIFY, on a direct connection. Default true; false: polling alone. */
  listen?: boolean;
  /**
   * A pooler stands before the server (PgBouncer in any mode): no session settings, prepared statements or session locks.
   * In transaction mode set `listen: false` too. Default false.
   */
  transactionPooling?: boolean;
  /** How often this process says that it is alive. Default 1 s. */
  heartbeatPeriod?: Duration;
  /**
   * Without a heartbeat for so long, a worker process is declared dead and its tasks run elsewhere. Default 15 s.
   * A process that was killed is noticed earlier, after three heartbeats, by its lost connection.
   */
  leaseTimeout?: Duration;
  /**
   * For a database that suspends when nothing is asked: while this process has nothing to do and every task that is stored has ended, it
   * is silent, and looks again after so long. A push ends that at once; without `listen` it waits until then. Default: never silent.
   */
  idlePeriod?: Duration;
  /** How long a statement of the queue's own may take before its connection is given up. Default 10 s. */
  statementTimeout?: Duration;
  /** The name of this worker process, for operators. Default: the host's name and the process id. */
  workerName?: string;
  /** Let `currentTask()` answer within handlers, for log lines. Costs up to 1 µs a task on Node 20, less on later ones. Default true. */
  taskContext?: boolean;
  /** Which of Nest's enhancers apply to handlers. Default: interceptors only. */
  enhancers?: HandlerEnhancers;
  /**
   * The ambient transaction, for pushes that name none: `() => txHost.tx` with nestjs-cls.
   * It is asked at each push; undefined: there is none.
   */
  transactionManager?: () => Manager | undefined;
}

/** The durations, of each of which the resolved options have the milliseconds. */
type DurationOption =
  'shutdownTimeout' | 'heartbeatPeriod' | 'leaseTimeout' | 'idlePeriod' | 'statementTimeout';
type OptionWithoutDefault = 'schema' | 'codec' | 'pool' | 'shards' | 'transactionManager';

/** The module's options with defaults, checked. */
export type ResolvedOptions = Required<Omit<PgQueueModuleOptions, DurationOption | OptionWithoutDefault>> &
  Pick<PgQueueModuleOptions, OptionWithoutDefault> &
  Record<`${Exclude<DurationOption, 'idlePeriod'>}Ms`, number> & {
    /** Undefined: the process is never silent. */
    idlePeriodMs: number | undefined;
  };

/** The text of payloads, its copies and the decoded values must fit into the heap beside everything else. */
function defaultPayloadMemory(): number {
  return Math.min(256 * 1024 * 1024, Math.floor(getHeapStatistics().heap_size_limit / 16));
}

/** Injects the module's options as they were resolved. */
export const PG_QUEUE_OPTIONS = Symbol('PG_QUEUE_OPTIONS');

const LARGEST_PAYLOAD = 64 * 1024 * 1024;
const MAX_NAME_LENGTH = 500;

type Check = (name: string, value: unknown) => void;

const isBoolean: Check = (name, value) => {
  check(typeof value === 'boolean', name, value, 'must be true or false');
};

const isText: Check = (name, value) => {
  checkText(name, value, MAX_NAME_LENGTH);
};

const isFunction: Check = (name, value) => {
  check(typeof value === 'function', name, value, 'must be a function');
};

/** Durations are checked where they are read. */
const isDuration: Check = () => undefined;

/** Every option with its check, except checks that depend on other options. */
const CHECKS: Record<keyof PgQueueModuleOptions, Check> = {
  dataSource: isText,
  pool: (name, value) => {
    check(isObject(value) && isPool(value), name, value, 'must be a Pool of pg');
  },
  shards: checkShards,
  readFrom: (name, value) => {
    check(value === 'master' || value === 'replica', name, value, "must be 'master' or 'replica'");
  },
  schema: (_, value) => void schemaNames(value as string),
  autoStart: isBoolean,
  shutdownTimeout: isDuration,
  kinds: checkKinds,
  codec: assertCodec,
  maxPayloadBytes: (name, value) => checkCount(name, value, LARGEST_PAYLOAD),
  maxPayloadMemory: (name, value) => {
    const fits = Number.isSafeInteger(value) && (value as number) >= 1;
    check(fits, name, value, 'must be an integer of 1 or more');
  },
  listen: isBoolean,
  transactionPooling: isBoolean,
  heartbeatPeriod: isDuration,
  leaseTimeout: isDuration,
  idlePeriod: isDuration,
  statementTimeout: isDuration,
  workerName: isText,
  taskContext: isBoolean,
  enhancers: checkEnhancers,
  transactionManager: isFunction,
};

/** @throws InvalidOptionError that names the option and the value. */
export function resolveOptions(options: PgQueueModuleOptions = {}): ResolvedOptions {
  check(isObject(options), 'PgQueueModule options', options, 'must be an object');
  for (const [name, value] of Object.entries(options)) {
    check(Object.hasOwn(CHECKS, name), name, value, 'is not an option of PgQueueModule');
    if (value !== undefined) {
      CHECKS[name as keyof PgQueueModuleOptions](name, value);
    }
  }
  assertOnePlace(options);
  const heartbeatPeriodMs = toTimerMilliseconds('heartbeatPeriod', options.heartbeatPeriod ?? '1s', 50);
  return {
    dataSource: options.dataSource ?? 'default',
    pool: options.pool,
    shards: options.shards,
    readFrom: options.readFrom ?? 'master',
    schema: options.schema,
    autoStart: options.autoStart ?? true,
    kinds: options.kinds ?? {},
    codec: options.codec,
    listen: options.listen ?? true,
    transactionPooling: options.transactionPooling ?? false,
    taskContext: options.taskContext ?? true,
    enhancers: options.enhancers ?? {},
    transactionManager: options.transactionManager,
    maxPayloadBytes: options.maxPayloadBytes ?? 1024 * 1024,
    maxPayloadMemory: options.maxPayloadMemory ?? defaultPayloadMemory(),
    workerName: options.workerName ?? `${hostname()}:${process.pid}`,
    heartbeatPeriodMs,
    leaseTimeoutMs: toMilliseconds('leaseTimeout', options.leaseTimeout ?? '15s', {
      min: heartbeatPeriodMs * 2,
    }),
    idlePeriodMs:
      options.idlePeriod === undefined
        ? undefined
        : toTimerMilliseconds('idlePeriod', options.idlePeriod, 1000),
    shutdownTimeoutMs: toTimerMilliseconds('shutdownTimeout', options.shutdownTimeout ?? '20s', 0),
    statementTimeoutMs: toTimerMilliseconds('statementTimeout', options.statementTimeout ?? '10s', 100),
  };
}

/** Allows one of `dataSource`, `pool` and `shards`: each names the database of the queue. */
function assertOnePlace(options: PgQueueModuleOptions): void {
  const [first, second] = (['shards', 'pool', 'dataSource'] as const).filter(
    (name) => options[name] !== undefined,
  );
  check(
    second === undefined,
    second!,
    options[second!],
    `must not be given with ${first}: the queue works in one of them`,
  );
}

/** Checks the options of kinds, also of those that have no handler here. */
function checkKinds(name: string, value: unknown): void {
  check(isObject(value), name, value, 'must be an object of kind options by kind number');
  for (const [key, options] of Object.entries(value)) {
    check(/^-?\d+$/.test(key), name, key, 'must have kind numbers as its keys');
    check(isObject(options), `${name}[${key}]`, options, 'must be an object of kind options');
    resolveKindOptions(kindOf(Number(key)), options);
  }
}

function checkEnhancers(name: string, value: unknown): void {
  check(isObject(value), name, value, 'must be an object');
  for (const [key, applies] of Object.entries(value)) {
    const known = ['interceptors', 'guards', 'filters'].includes(key);
    check(known, `${name}.${key}`, applies, 'is not one of interceptors, guards and filters');
    if (applies !== undefined) {
      isBoolean(`${name}.${key}`, applies);
    }
  }
}
