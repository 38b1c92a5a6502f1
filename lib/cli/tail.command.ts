import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { toMilliseconds } from '../timing/duration.js';
import { ClusterTail } from './cluster-tail.js';
import { type Command, type CommandContext, EXIT } from './command.js';
import { jsonLine, oneLine } from './output.js';
import { ShardTail, type TailEvent } from './shard-tail.js';

export const tailCommand: Command = {
  summary: 'follow what happens, until Ctrl-C',
  usage: 'tail [--interval <duration>]',
  details: `  --interval <duration>  how often to look, default 2s, 100ms at least
It looks at the tables, and so sees what is stored there: tasks that were pushed, that succeeded, were cancelled or used up
their attempts, worker processes that come and go, kinds that are paused or resumed, and shards that can't be asked. It does
not see attempts that fail and are retried, tasks that are deleted as they succeed (a terminalTasksTtl of 0), nor more than 200
of a sort per shard and look.`,
  options: { interval: { type: 'string' } },
  arguments: [0, 0],
  async run(context) {
    const { admin, output, schema, shards, signal, values } = context;
    const intervalMs = toMilliseconds('--interval', values['interval'] ?? '2s', { min: 100, max: 3_600_000 });
    const tails = shards.map(({ name }) => new ShardTail(admin, name));
    // Each of them listens while it waits: Node takes more than ten for a leak.
    setMaxListeners(0, signal);
    const all = [...tails, new ClusterTail(admin, tails)];
    const lookAt = async (tail: (typeof all)[number]) =>
      (await tail.look()).forEach((event) => write(context, event));
    const firstLooks = all.map(lookAt);
    // Each at its own pace: a shard that says nothing keeps none of the others.
    const ends = all.map(async (tail, index) => {
      await firstLooks[index];
      while (await passes(intervalMs, signal)) {
        await lookAt(tail);
      }
    });
    await Promise.all(firstLooks);
    output.err(
      `following schema "${oneLine(schema)}", a look every ${intervalMs / 1000} s; Ctrl-C ends it\n`,
    );
    await Promise.all(ends);
    return EXIT.done;
  },
};

/** @returns false when it was ended meanwhile. */
async function passes(ms: number, signal: AbortSignal): Promise<boolean> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

function write({ output, json }: CommandContext, event: TailEvent): void {
  const { at, event: what, text } = event;
  output.out(json ? jsonLine(event) : `${at.toISOString()} ${what.padEnd(16)} ${oneLine(text)}\n`);
}
