/** @import { Measure } from '../types.js' */
import { entries, inVariants } from '../harness/entries.mjs';
import { percentiles } from '../harness/statistics.mjs';
import { LATENCY_COLUMNS, PRODUCER_CPU, SERVER_CPU, WORKER_CPU } from './columns.mjs';

/** How long workers may take for what is left when the pushes are over. */
const GRACE_MS = 20_000;

/** @type {Measure} */
export default {
  name: 'sustained',
  title: 'Sustained single pushes',
  about:
    'One process pushes single tasks at an even rate for 20 s, whether or not earlier pushes have been answered; another runs them. Milliseconds from the call of the push to the start of the handler. Achieved: tasks that ran, by the seconds from the first push to the last start. Raw looks every 5 ms, without NOTIFY.',
  variantTitle: 'asked, tasks/s',
  entries: [
    ...inVariants([1000], () =>
      entries(['pgqueue', 'raw', 'graphile-worker', 'pg-boss', 'bullmq-redis'], { repetitions: 1 }),
    ),
    ...inVariants([2000], () => [
      ...entries(['pgqueue', 'raw', 'graphile-worker', 'pg-boss']),
      ...entries(['pg-boss'], { configuration: 'poll' }),
      ...entries(['bullmq-redis']),
    ]),
  ],
  columns: [
    { key: 'achieved', title: 'achieved, tasks/s' },
    ...LATENCY_COLUMNS,
    WORKER_CPU,
    SERVER_CPU,
    PRODUCER_CPU,
    { key: 'failed', title: 'pushes that failed' },
  ],
  repetitions: 2,
  parameters: ({ quick }) => ({ seconds: quick ? 1 : 20 }),
  async run(lab, { variant }, { seconds = 0 }) {
    const producer = await lab.open();
    const [worker] = await lab.openWorkers(1, { mode: 'latency', progressMs: 20 });
    await lab.startWorkers();
    const warm = await lab.warmUp();
    const usage = await lab.startUsage();
    const paced = await producer.call('pace', { from: warm, perSecond: Number(variant), seconds });
    const complete = await lab.whenHandled(warm + paced.called - paced.failed, GRACE_MS);
    const elapsed = usage.seconds();
    const handled = lab.handled - warm;
    const cpu = await usage.per1000(handled);
    const latencies = await /** @type {NonNullable<typeof worker>} */ (worker).call('latencies');
    if (complete) await lab.whenEmpty();
    await lab.stopWorkers();
    // A push that failed may have been stored all the same: then nobody can tell which tasks there should be.
    if (paced.failed === 0) await lab.verify({ pushed: warm + paced.called, complete });
    return {
      figures: {
        achieved: handled / elapsed,
        ...percentiles(latencies),
        workerCpu: cpu.workerCpu,
        serverCpu: cpu.serverCpu,
        producerCpu: cpu.producerCpu,
        failed: paced.failed,
      },
      notes: complete
        ? []
        : [`${paced.called - paced.failed - handled} tasks still waited after ${GRACE_MS / 1000} s more`],
    };
  },
};
