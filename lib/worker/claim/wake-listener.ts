import { ListenConnection } from '../../storage/listen-connection.js';
import type { EventSink } from '../../events/queue-events.js';
import type { ConnectionStates } from '../connection-states.js';
import { retryDelay } from '../../timing/retry-delay.js';
import { WakeSignal } from '../../timing/wake-signal.js';

export interface WakeListenerDeps {
  connect: (
    onMessage: (payload: string) => void,
    onClosed: (error: Error) => void,
  ) => Promise<ListenConnection>;
  events: EventSink;
  heartbeatPeriodMs: number;
  states: ConnectionStates;
  /** Something was pushed. */
  onRing(): void;
  /** An attempt has lost its lease: its task was cancelled. */
  onLost(leaseId: number, taskId: number): void;
  /** A kind was paused or resumed. */
  onPauses(): void;
}

/** How often a listening connection is asked for a sign of life: a silent one looks just like a quiet queue. */
const PROBE_MS = 10_000;

/** Keeps one connection that listens, and reports what it hears; polling does without it while it is down. */
export class WakeListener {
  private readonly signal = new WakeSignal();
  private connection: ListenConnection | undefined;
  private stopped = false;
  private failures = 0;
  private loop: Promise<void> | undefined;

  constructor(private readonly deps: WakeListenerDeps) {}

  get isListening(): boolean {
    return this.connection !== undefined;
  }

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.signal.wake();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.listen();
      } catch (error) {
        this.failures++;
        this.deps.states.failed('listen', error);
        await this.signal.pause(retryDelay(this.failures), () => this.stopped);
      }
    }
  }

  /** Returns when stopped; throws when the connection is lost. */
  private async listen(): Promise<void> {
    let closed: Error | undefined;
    const onClosed = (error: Error) => {
      closed ??= error;
      // A connection that never opened rejects: waking then would make the pause after it none.
      if (this.connection) {
        this.signal.wake();
      }
    };
    const connection = await this.deps.connect((payload) => this.receive(payload), onClosed);
    this.connection = connection;
    try {
      this.failures = 0;
      this.deps.states.worked('listen');
      this.deps.events.emit({ type: 'listening' });
      // What was pushed while nobody listened.
      this.deps.onRing();
      while (!this.stopped) {
        await this.signal.wait(closed ? 0 : Math.max(PROBE_MS, this.deps.heartbeatPeriodMs));
        if (closed) {
          throw closed;
        }
        if (!this.stopped) {
          await connection.probe();
        }
      }
    } finally {
      // Closing it tells `onClosed` once more.
      this.connection = undefined;
      await connection.close();
    }
  }

  private receive(payload: string): void {
    const [word, leaseId, taskId] = payload.split(':');
    switch (word) {
      case '':
        this.deps.events.emit({ type: 'woken' });
        return this.deps.onRing();
      case 'lost':
        return this.deps.onLost(Number(leaseId), Number(taskId));
      case 'pauses':
        return this.deps.onPauses();
      default:
      // A later release has more to say.
    }
  }
}
