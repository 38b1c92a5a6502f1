import type { ShardView, WorkerView } from '../inspect/task-view.js';
import { type Command, EXIT } from './command.js';
import { kindsTable } from './kinds-table.js';
import { duration, jsonLine, table } from './output.js';

export const statusCommand: Command = {
  summary: 'what there is by kind and status, and the worker processes',
  usage: 'status',
  details: 'Numbers with a ~ are estimated from a sample of the table.',
  async run({ admin, failures, output, json }) {
    // Both run at the same time, so that a server that does not respond is waited for once.
    const [{ counts, kinds, workers }, shards] = await Promise.all([
      failures.resultOf(admin.figures()),
      admin.shards(),
    ]);
    output.out(
      json
        ? jsonLine({ shards, counts, kinds, workers })
        : `${shardsTable(shards)}${kindsTable(counts, kinds, clockOf(shards))}\n${workersTable(workers)}`,
    );
    return EXIT.done;
  },
};

/** Empty for a single database, which has answered when the table is printed. */
function shardsTable(shards: readonly ShardView[]): string {
  const rows = shards.map(({ name, reachable, error }) => [name, reachable ? 'up' : `down: ${error}`]);
  return rows.length < 2 ? '' : `${table([['shard', ''], ...rows])}\n`;
}

/** The clock of a database: task times are not comparable with the clock of this machine. */
function clockOf(shards: readonly ShardView[]): Date {
  return shards.find(({ now }) => now !== null)?.now ?? new Date();
}

function workersTable(workers: readonly WorkerView[]): string {
  if (workers.length === 0) {
    return 'no worker processes\n';
  }
  const rows = workers.map(({ worker, version, startedAt, silentMs, lost, kinds, running }) => [
    worker,
    version ?? '-',
    startedAt.toISOString(),
    `${duration(silentMs)} ago${lost ? ' (lost)' : ''}`,
    kinds.map(({ name, busy, capacity }) => `${name} ${busy}/${capacity}`).join(', '),
    running[0] ? `task ${running[0].id} since ${running[0].startedAt.toISOString()}` : '-',
  ]);
  return table([['worker', 'version', 'started', 'heartbeat', 'slots', 'runs longest'], ...rows]);
}
