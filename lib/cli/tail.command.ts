import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { toMilliseconds } from '../timing/duration.js';
import { type Command, type CommandContext, EXIT } from './command.js';
import { DatabaseTail, type TailEvent } from './database-tail.js';
import { jsonLine, oneLine } from './output.js';
import { QueueTail } from './queue-tail.js';

export const tailCommand: Command = {
  summary: 'follow what happens, until Ctrl-C',
  usage: 'tail [--interval <duration>]',
  details: `  --interval <duration>  how often to look, default 2s, 100ms at least
It looks at the tables, and so sees what is stored there: tasks that were pushed, that succeeded, were cancelled or used up
their attempts, worker processes that come and go, kinds that are paused or resumed, and databases that can't be reached. It
does not see attempts that fail and are retried, tasks that are deleted as they succeed (a terminalTasksTtl of 0), nor more than
200 of a sort per database and look.`,
  options: { interval: { type: 'string' } },
  async run(context) {
    const { admin, databases, output, schema, signal, values } = context;
    const intervalMs = toMilliseconds('--interval', values['interval'] ?? '2s', { min: 100, max: 3_600_000 });
    const tails = databases.map(({ name }) => new DatabaseTail(admin, name));
    // Each tail listens to the signal while it waits, and Node warns of a leak from eleven listeners on.
    setMaxListeners(0, signal);
    const all = [...tails, new QueueTail(admin, tails)];
    const poll = async (tail: (typeof all)[number]) =>
      (await tail.poll()).forEach((event) => write(context, event));
    const firstPolls = all.map(poll);
    // Each tail polls at its own pace, so that a server that does not respond delays no other tail.
    const ends = all.map(async (tail, index) => {
      await firstPolls[index];
      while (await passes(intervalMs, signal)) {
        await poll(tail);
      }
    });
    await Promise.all(firstPolls);
    output.err(
      `following schema "${oneLine(schema)}", a look every ${intervalMs / 1000} s; Ctrl-C ends it\n`,
    );
    await Promise.all(ends);
    return EXIT.done;
  },
};

/** @returns false when the signal was aborted meanwhile. */
async function passes(ms: number, signal: AbortSignal): Promise<boolean> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

function write({ output, json }: CommandContext, event: TailEvent): void {
  const { at, event: what, text } = event;
  output.out(json ? jsonLine(event) : `${at.toISOString()} ${what.padEnd(16)} ${oneLine(text)}\n`);
}
