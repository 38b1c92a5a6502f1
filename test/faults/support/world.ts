import { deepEqual } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { EmbeddedPostgres } from '../../../scripts/embedded-postgres/index.mjs';
import { check, type Verdict } from './checker.mjs';
import { Producer } from './producer.mjs';
import { Proxy } from './proxy.mjs';
import { ask } from './side-tables.mjs';
import { eventually } from './wait.mjs';
import { Worker } from './worker.mjs';
import type { WorkerConfig } from './worker-app.mjs';

/** Everything that one fault test works with, and what ends it all. */
export class World {
  private readonly own: Worker[] = [];
  /** Every worker process that belongs to the test; a fleet's are its own. */
  workers: () => Worker[] = () => this.own;

  private constructor(
    readonly server: EmbeddedPostgres,
    /** The test's own database, directly. */
    public url: string,
    readonly producer: Producer,
    /** What workers connect through, unless they name another address. */
    readonly proxy: Proxy,
  ) {}

  /** A database of its own on the server, migrated, with side tables and a proxy before it. */
  static async create(
    server: EmbeddedPostgres,
    name: string,
    /** The producer connects through the proxy too, and like this. */
    { proxied = false, typeorm = {} }: { proxied?: boolean; typeorm?: Record<string, unknown> } = {},
  ): Promise<World> {
    await ask(server.url, `CREATE DATABASE "${name}"`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    const proxy = await Proxy.start(server.port);
    const producer = await Producer.start(proxied ? proxy.through(url.href) : url.href, typeorm);
    return new World(server, url.href, producer, proxy);
  }

  /** Starts a worker process behind the proxy. */
  async worker(config: Partial<WorkerConfig> & Pick<WorkerConfig, 'kinds'>): Promise<Worker> {
    const worker = new Worker({ url: this.proxy.through(this.url), ...config });
    this.own.push(worker);
    await worker.ready();
    return worker;
  }

  /** Pushes all the time, as producers do, whether the database is there or not; until the function returned is called. */
  keepPushing(everyMs = 50): () => Promise<void> {
    const ending = new AbortController();
    const loop = (async () => {
      while (!ending.signal.aborted) {
        await this.producer
          .push({ do: 'ok', ms: 20 }, { do: 'completes', kind: 'other' })
          .catch(() => undefined);
        await pause(everyMs);
      }
    })();
    return () => {
      ending.abort();
      return loop;
    };
  }

  /** Waits until every task has ended. */
  async done(timeoutMs = 30_000): Promise<void> {
    await eventually(
      () => this.producer.isDone(),
      timeoutMs,
      () =>
        `all tasks end; workers wrote:\n${this.workers()
          .map(({ output }) => output.slice(-1500))
          .join('\n---\n')}`,
      50,
    );
  }

  /** The checker's verdict must name no broken rule, at the latest when leases of the dead have been rescued. */
  async expectSound(rescueMs = 10_000): Promise<Verdict['counts']> {
    const judge = () =>
      check(this.url, {
        acknowledged: this.producer.acknowledged,
        alive: this.workers()
          .filter(({ exit }) => !exit)
          .map(({ pid }) => pid),
      });
    let verdict = await judge();
    const deadline = performance.now() + rescueMs;
    while (Object.keys(verdict.broken).length > 0 && performance.now() < deadline) {
      verdict = await judge();
    }
    deepEqual(verdict.broken, {});
    return verdict.counts;
  }

  /** @returns the start of this attempt, once it is there */
  async started(
    id: string,
    attempt = 1,
    timeoutMs = 30_000,
  ): Promise<{ pid: number; run: string; at: Date }> {
    return eventually(
      async () =>
        (
          await this.producer.rows('SELECT * FROM starts WHERE task_id = $1 AND attempt = $2', [id, attempt])
        )[0],
      timeoutMs,
      `attempt ${attempt} of task ${id} starts`,
    );
  }

  /** No worker process of the test may have ended. */
  expectAlive(): void {
    const ended = this.workers().filter(({ exit }) => exit);
    deepEqual(
      ended.map((worker) => worker.output.slice(-5000)),
      [],
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.own.filter(({ exit }) => !exit).map((worker) => worker.destroy()));
    await this.producer.close();
    await this.proxy.close();
  }
}
