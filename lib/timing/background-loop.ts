import { inCurrentContext } from './detached.js';
import { MAX_TIMER_MS } from './duration.js';
import { retryDelay } from './retry-delay.js';

export interface BackgroundLoopOptions {
  /**
   * Does the work of one turn. It may return the pause before the next turn in ms; `Infinity` waits until the loop is woken.
   * A turn that rejects is repeated after a backoff.
   */
  turn(): Promise<number | void>;
  /** The pause in ms before a turn for which none was returned, read each time. Default: until the loop is woken. */
  pauseMs?: () => number;
  /** Each pause is longer or shorter by up to this share, at random, so that processes do not act at the same time. Default 0. */
  spread?: number;
  /** The longest backoff in ms. Default: 5 s. */
  longestBackoffMs?: number;
  /** Whether a pause keeps the process alive. Default true. */
  keepsAlive?: boolean;
  /** Receives what a turn rejects with. */
  onError?(error: unknown): void;
  /** Calls each turn in an async context. Default: the context in which the loop is made. */
  inContext?: <T>(work: () => T) => T;
}

/**
 * Runs turns one after the other, with pauses between them, until it is stopped. Turns never overlap, and run in a context that does
 * not depend on who starts or wakes the loop: make it where nobody's request is current.
 */
export class BackgroundLoop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  /** Turns that have failed in a row. */
  private failures = 0;
  /** The loop was woken while a turn ran, so that another one follows at once. */
  private woken = false;
  private started = false;
  private stopped = false;
  private readonly inContext: <T>(work: () => T) => T;

  constructor(private readonly options: BackgroundLoopOptions) {
    this.inContext = options.inContext ?? inCurrentContext();
  }

  /** Begins with a pause; a second call does nothing. @param firstMs its length, where it is not the usual one */
  start(firstMs = this.usualPauseMs): void {
    if (!this.started) {
      this.started = true;
      this.schedule(firstMs);
    }
  }

  /** No turn begins by itself any more. Waits for the one that runs. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** Whether the last turn that ended has failed. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  /** Runs a turn now, or right after the one that runs. After a failure the backoff is waited for, and a stopped loop stays so. */
  wake(): void {
    if (this.running) {
      this.woken = true;
    } else if (!this.stopped && this.failures === 0) {
      void this.runOnce();
    }
  }

  /** Runs a turn now, in a stopped loop too; while one runs, the call joins it. Never rejects. */
  runOnce(): Promise<void> {
    if (!this.running) {
      clearTimeout(this.timer);
      this.woken = false;
      this.running = this.inContext(() => this.runTurn()).then((pauseMs) => {
        this.running = undefined;
        this.goOn(pauseMs);
      });
    }
    return this.running;
  }

  /** @returns the pause before the next turn */
  private async runTurn(): Promise<number> {
    try {
      const pauseMs = (await this.options.turn()) ?? this.usualPauseMs;
      this.failures = 0;
      return pauseMs;
    } catch (error) {
      this.failures++;
      this.options.onError?.(error);
      return Math.min(this.options.longestBackoffMs ?? Number.POSITIVE_INFINITY, retryDelay(this.failures));
    }
  }

  private goOn(pauseMs: number): void {
    if (this.woken) {
      this.wake();
    }
    if (!this.running) {
      this.schedule(pauseMs);
    }
  }

  private get usualPauseMs(): number {
    return this.options.pauseMs?.() ?? Number.POSITIVE_INFINITY;
  }

  private schedule(pauseMs: number): void {
    if (this.stopped || pauseMs === Number.POSITIVE_INFINITY) {
      return;
    }
    const { spread = 0, keepsAlive = true } = this.options;
    const ms = Math.min(MAX_TIMER_MS, pauseMs * (1 - spread + 2 * spread * Math.random()));
    this.timer = this.inContext(() => setTimeout(() => void this.runOnce(), ms));
    if (!keepsAlive) {
      this.timer.unref();
    }
  }
}
