import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DatabasesModule } from '../../docs/examples/sharding/databases.module.js';
import { Letters, Postman } from '../../docs/examples/sharding/letters.js';
import type { ShardSettings } from '../../docs/examples/sharding/shard-settings.js';
import { silentLogger } from '../support/silent-logger.js';
import { until } from '../support/until.js';

interface LetterProcess {
  readonly app: INestApplicationContext;
  readonly letters: Letters;
  /** What was asked of it and is not answered yet. */
  readonly underWay: Set<Promise<unknown>>;
}

const WRITERS = 4;

/** Applications of the sharding example that stand for processes behind a load balancer. */
export class LetterFleet {
  private processes: LetterProcess[] = [];
  private turn = 0;
  private readonly ends: (() => Promise<unknown>)[] = [];

  get size(): number {
    return this.processes.length;
  }

  async start(...settings: ShardSettings[]): Promise<void> {
    for (const one of settings) {
      this.processes.push(await startProcess(one));
    }
  }

  /** Each in turn. */
  next(): LetterProcess {
    this.turn += 1;
    return this.processes[this.turn % this.processes.length]!;
  }

  /**
   * A rolling restart: for each process a new one is there before it gets no more to do, ends what it is at, and stops.
   * @param midway is called once, beside the first new process, with an old one
   */
  async roll(settings: ShardSettings, midway: (old: LetterProcess) => Promise<void>): Promise<void> {
    const old = [...this.processes];
    for (const [index, leaving] of old.entries()) {
      await this.start(settings);
      if (index === 0) {
        await midway(leaving);
      }
      this.processes = this.processes.filter((other) => other !== leaving);
      await Promise.all(leaving.underWay);
      await leaving.app.close();
    }
  }

  /** Customers write letters, several at once, until they are stopped. */
  traffic(customers: string[]) {
    const written: string[] = [];
    const stopping = new AbortController();
    const write = async (first: number) => {
      for (let n = first; !stopping.signal.aborted; n++) {
        written.push(await this.write(customers[n % customers.length]!));
      }
    };
    const ended = Promise.all(Array.from({ length: WRITERS }, (_, n) => write(n)));
    const stop = async () => {
      stopping.abort();
      await ended;
      return written;
    };
    this.ends.push(stop);
    return {
      /** More may come while they write. */
      customers,
      /** @returns the ids of all letters that were written */
      stop,
      /** Waits until a good many more have been written. */
      goesOn: async () => {
        const enough = written.length + 10 * customers.length;
        await Promise.race([until(() => written.length >= enough), ended]);
      },
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.ends.map((end) => end()));
    await Promise.all(this.processes.map(({ app }) => app.close()));
  }

  private async write(customer: string): Promise<string> {
    const { letters, underWay } = this.next();
    const writing = letters.write(customer);
    underWay.add(writing);
    const { id } = await writing.finally(() => underWay.delete(writing));
    return id;
  }
}

async function startProcess(settings: ShardSettings): Promise<LetterProcess> {
  const testing = await Test.createTestingModule({
    imports: [DatabasesModule.forRoot(settings)],
    providers: [Letters, Postman],
  })
    .setLogger(silentLogger)
    .compile();
  const app = await testing.init();
  return { app, letters: app.get(Letters), underWay: new Set() };
}
