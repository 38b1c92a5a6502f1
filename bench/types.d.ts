/** What the parts of the benchmark agree on. */

export type ContenderName =
  'pgqueue' | 'raw' | 'graphile-worker' | 'pg-boss' | 'bullmq-redis' | 'bullmq-postgres';

/** `best`: the fastest documented settings. `default`: what the documentation's first page gives. Others serve one measure. */
export type ConfigurationName = string;

/** An empty database, or a part of Redis, for one run. */
export interface Store {
  name: string;
  server: 'postgres' | 'redis';
  /** Of the database; of the server when that is Redis. */
  url: string;
  /** The databases, one on each server, of a measure that spreads tasks; the first is `url`. */
  shards?: string[];
}

export interface Payload {
  /** Numbers the tasks of a run from 0. */
  n: number;
  /** When the push was called, in milliseconds of the machine's monotonic clock. */
  at?: number;
}

/** Runs one task; what it throws is the task's failure. */
export type Handle = (payload: Payload) => unknown;

export interface WorkerSettings {
  configuration: ConfigurationName;
  /** In place of the configuration's own number of tasks at once. */
  slots?: number;
  /** How many kinds (queues, task identifiers) are listened to; tasks are pushed to the first. */
  kinds?: number;
  handle: Handle;
}

export interface ProducerSettings {
  configuration: ConfigurationName;
  /** Tasks may be attempted again. */
  retries?: boolean;
}

/** Booted and connected, but not yet processing: the clock of a drain starts at `start`. */
export interface Worker {
  start(): Promise<void>;
  /** Waits for what runs. */
  stop(): Promise<void>;
}

export interface Producer {
  pushOne(payload: Payload): Promise<unknown>;
  pushMany(payloads: Payload[]): Promise<unknown>;
  /** Tasks that are not finished, as the store has them. */
  countLeft(): Promise<number>;
  close(): Promise<void>;
}

/** One queue library, as the measures see it. */
export interface Contender {
  name: ContenderName;
  server: Store['server'];
  /** Packages whose versions belong to the results. */
  packages: string[];
  /** In words, for the results: what differs from the defaults. */
  configurations: Record<ConfigurationName, string>;
  /** Creates tables. */
  install(store: Store): Promise<void>;
  openProducer(store: Store, settings: ProducerSettings): Promise<Producer>;
  openWorker(store: Store, settings: WorkerSettings): Promise<Worker>;
}

export type HandlerMode = 'count' | 'latency' | 'starts' | 'fail-once' | 'hold' | 'hang';

export interface WorkerCall {
  store: Store;
  configuration: ConfigurationName;
  slots?: number;
  kinds?: number;
  mode: HandlerMode;
  /** How long a task takes in the mode `hold`. */
  holdMs?: number;
  /** Say how many tasks were handled this often; 0: never. */
  progressMs?: number;
}

/** What a worker process has seen. */
export interface Seen {
  /** Tasks handled at least once. */
  distinct: number;
  /** Tasks handled again after they had succeeded. */
  repeated: number;
  running: number;
  /** By task number: how often it was handled with success. */
  counts: Uint8Array;
}

export interface Usage {
  cpuMs: number;
  rssMb: number;
  peakRssMb: number;
}

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Figures of one run; null where there is none. */
export type Figures = Record<string, number | null>;

export interface Run {
  figures: Figures;
  /** Tasks per second over time, for charts. */
  series?: { seconds: number; perSecond: number }[];
  notes?: string[];
}

export interface Entry {
  contender: ContenderName;
  configuration: ConfigurationName;
  /** What else differs: a rate, a number of slots. */
  variant?: string | number;
  /** Left out of a smoke test. */
  slow?: boolean;
  /** How often it is run, where that is not as often as the measure's others. */
  repetitions?: number;
}

export interface Column {
  key: string;
  title: string;
  digits?: number;
}

/** Answers the sizes of a run, smaller ones for a smoke test. */
export interface Parameters {
  [name: string]: number;
}

export interface Measure {
  name: string;
  title: string;
  /** A few sentences for readers: what is measured, and how. */
  about: string;
  entries: Entry[] | ((options: Options) => Entry[]);
  /** The column of the variants. */
  variantTitle?: string;
  columns: Column[];
  /** How often each entry is run, unless the command line says. */
  repetitions?: number;
  /** All entries and repetitions run at once: the measure waits more than it works. */
  together?: boolean;
  parameters(options: Options): Parameters;
  run(lab: Lab, entry: Entry, parameters: Parameters): Promise<Run>;
  /** Figures that are documented by others, not run, by contender. */
  quoted?: Record<string, string>;
}

export interface Options {
  only: string[];
  repetitions: number | undefined;
  quick: boolean;
  backlog: number;
  profile: boolean;
  list: boolean;
}

/** The harness, as measures use it. */
export type Lab = import('./harness/lab.mjs').Lab;

export interface EntryResult {
  entry: Entry;
  runs: Run[];
  failures: string[];
  summary: Record<string, { min: number; median: number; max: number }>;
}

export interface MeasureResult {
  title: string;
  at: string;
  seconds: number;
  parameters: Parameters;
  /** By label. */
  entries: Record<string, EntryResult>;
  quoted?: Record<string, string>;
}

export interface Results {
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  settings: Record<string, string>;
  configurations: Record<string, Record<string, string>>;
  measures: Record<string, MeasureResult>;
}
