import { STATUSES } from '../task/task-status.js';
import type { KindCounts, KindView, ShardView, TaskCount, WorkerView } from '../inspect/task-view.js';
import { type Command, EXIT } from './command.js';
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

function kindsTable(counts: readonly KindCounts[], kinds: readonly KindView[], now: Date): string {
  const numbers = new Set([...counts, ...kinds].map(({ kind }) => kind));
  if (numbers.size === 0) {
    return 'no tasks, and no kinds that a live process handles\n';
  }
  const rows = [...numbers]
    .toSorted((a, b) => a - b)
    .map((kind) => {
      const counted = counts.find((other) => other.kind === kind);
      const view = kinds.find((other) => other.kind === kind);
      const oldest = counted?.oldestDueAt;
      return [
        String(kind),
        (counted ?? view)!.name,
        ...STATUSES.map((status) => numberOf(counted?.statuses[status])),
        oldest ? duration(Math.max(0, now.getTime() - oldest.getTime())) : '-',
        view ? `${view.slots.busy}/${view.slots.capacity}` : '-',
        stateOf(view),
      ];
    });
  return table([['kind', 'name', ...STATUSES, 'oldest due', 'slots', ''], ...rows]);
}

function stateOf(view: KindView | undefined): string {
  if (view?.pausedAt) {
    const but = view.unpausedIn.length > 0 ? `, but not in ${view.unpausedIn.join(', ')}` : '';
    return `paused since ${view.pausedAt.toISOString()}${but}`;
  }
  return view?.processes ? '' : 'no live worker';
}

/** The clock of a database: task times are not comparable with the clock of this machine. */
function clockOf(shards: readonly ShardView[]): Date {
  return shards.find(({ now }) => now !== null)?.now ?? new Date();
}

function numberOf(counted: TaskCount | undefined): string {
  return counted ? `${counted.approximate ? '~' : ''}${counted.count}` : '0';
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
