/** @import { Measure } from '../types.js' */
import { entries } from '../harness/entries.mjs';
import { percentiles } from '../harness/statistics.mjs';
import { LATENCY_COLUMNS } from './columns.mjs';

/** @type {Measure} */
export default {
  name: 'wake-up',
  title: 'Wake-up on an idle queue',
  about:
    'One process pushes 200 single tasks with pauses of 20 to 50 ms between them; another runs them. Milliseconds from the call of the push to the start of the handler. Raw notifies at every insert here.',
  entries: [
    ...entries(['pgqueue']),
    { contender: 'raw', configuration: 'listen' },
    ...entries(['graphile-worker', 'pg-boss', 'bullmq-redis', 'bullmq-postgres']),
  ],
  columns: LATENCY_COLUMNS,
  parameters: ({ quick }) => ({ tasks: quick ? 20 : 200 }),
  async run(lab, _entry, { tasks = 0 }) {
    const producer = await lab.open();
    const [worker] = await lab.openWorkers(1, { mode: 'latency', progressMs: 20 });
    await lab.startWorkers();
    // Single tasks one after the other, so that each compiles what the measure uses.
    await producer.call('trickle', { from: 0, count: 20, minMs: 5, maxMs: 20 });
    await lab.whenHandled(20, 60_000);
    await worker?.call('forgetLatencies');
    await producer.call('trickle', { from: 20, count: tasks, minMs: 20, maxMs: 50 });
    await lab.whenHandled(20 + tasks, 60_000);
    const latencies = await /** @type {NonNullable<typeof worker>} */ (worker).call('latencies');
    await lab.whenEmpty();
    await lab.stopWorkers();
    await lab.verify({ pushed: 20 + tasks });
    return { figures: { ...percentiles(latencies) } };
  },
};
