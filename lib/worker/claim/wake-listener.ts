import type { ListenConnection } from '../../storage/listen-connection.js';
import { retryDelay } from '../../timing/retry-delay.js';
import { WakeSignal } from '../../timing/wake-signal.js';
import type { Connections } from '../connections.js';
import type { AttemptWatch } from '../lease/attempt-watch.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import type { WorkerBase } from '../worker-base.js';

export interface WakeListenerDeps extends Pick<
  WorkerBase,
  'events' | 'heartbeatPeriodMs' | 'states' | 'idle' | 'claims'
> {
  connections: Connections;
  channel: string;
  watch: AttemptWatch;
  leases: LeaseKeeper;
}

/** How often a listening connection is probed: a broken one looks just like a quiet queue. */
const PROBE_MS = 10_000;

/** Keeps one connection that listens, and reports what it hears; polling does without it while it is down. */
export class WakeListener {
  private readonly signal = new WakeSignal();
  private connection: ListenConnection | undefined;
  private stopped = false;
  private failures = 0;
  private loop: Promise<void> | undefined;

  constructor(private readonly deps: WakeListenerDeps) {}

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
    const { connections, channel, idle, claims } = this.deps;
    const connection = await connections.listen(channel, (payload) => this.receive(payload), onClosed);
    this.connection = connection;
    idle.isListening = true;
    try {
      this.failures = 0;
      this.deps.states.worked('listen');
      this.deps.events.emit({ type: 'listening' });
      // Tasks may have been pushed while nobody listened.
      claims.tasksArrived();
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
      // Closing it calls `onClosed` once more.
      this.connection = undefined;
      idle.isListening = false;
      await connection.close();
    }
  }

  private receive(payload: string): void {
    const [word, leaseId, taskId] = payload.split(':');
    switch (word) {
      case '':
        this.deps.events.emit({ type: 'woken' });
        return this.deps.claims.tasksArrived();
      case 'lost':
        // An attempt has lost its lease: its task was cancelled.
        return this.deps.watch.cancelled(Number(leaseId), Number(taskId));
      case 'pauses':
        // A kind was paused or resumed.
        return this.deps.leases.beatNow();
      default:
      // A later release may send other messages.
    }
  }
}
