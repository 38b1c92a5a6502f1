/** @import { Measure } from '../types.js' */
import { ALL, entries } from '../harness/entries.mjs';
import { PRODUCER_CPU, SERVER_CPU, WORKER_CPU } from './columns.mjs';

/** @type {Measure} */
export default {
  name: 'push-woken',
  title: 'Push by 32 at once while a worker is woken',
  about:
    'One process pushes single tasks, 32 at once, as fast as it can, while another process runs them as they come. Raw does not wake its worker: it looks every 5 ms.',
  entries: entries(ALL),
  columns: [{ key: 'perSecond', title: 'pushes/s' }, WORKER_CPU, SERVER_CPU, PRODUCER_CPU],
  parameters: ({ quick }) => ({ seconds: quick ? 0.3 : 3 }),
  async run(lab, _entry, { seconds = 0 }) {
    const producer = await lab.open();
    await lab.openWorkers(1, { progressMs: 20 });
    await lab.startWorkers();
    const warm = await lab.warmUp();
    const usage = await lab.startUsage();
    const done = await producer.call('pushFor', { from: warm, seconds, batch: 1, inFlight: 32 });
    await lab.whenHandled(warm + done.pushed, 120_000);
    const { workerCpu, serverCpu, producerCpu } = await usage.per1000(done.pushed);
    await lab.whenEmpty();
    await lab.stopWorkers();
    await lab.verify({ pushed: warm + done.pushed });
    return { figures: { perSecond: done.pushed / done.seconds, workerCpu, serverCpu, producerCpu } };
  },
};
