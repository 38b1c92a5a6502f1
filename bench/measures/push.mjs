/** @import { Figures, Measure } from '../types.js' */
import { ALL, entries } from '../harness/entries.mjs';

const BATCH = 1000;
const MODES = [
  { key: 'one', title: 'one at a time', batch: 1, inFlight: 1 },
  { key: 'many', title: '32 at once', batch: 1, inFlight: 32 },
  { key: 'batch', title: 'batches of 1,000', batch: BATCH, inFlight: 1 },
];

/** @type {Measure} */
export default {
  name: 'push',
  title: 'Push, no worker',
  about:
    'One process pushes as fast as it can: one task after the other, 32 callers at once that each push one task after the other, and one batch of 1,000 after the other. No worker runs. Afterwards the store must hold every task.',
  entries: entries(ALL),
  columns: MODES.flatMap(({ key, title }) => [
    { key, title: `${title}, tasks/s` },
    { key: `${key}ServerCpu`, title: 'server CPU, ms per 1,000', digits: 1 },
  ]),
  parameters: ({ quick }) => ({ seconds: quick ? 0.3 : 3 }),
  async run(lab, _entry, { seconds = 0 }) {
    const producer = await lab.open();
    let pushed = await lab.warmUp();
    /** @type {Figures} */
    const figures = {};
    for (const { key, batch, inFlight } of MODES) {
      await lab.settle();
      const usage = await lab.startUsage();
      const done = await producer.call('pushFor', { from: pushed, seconds, batch, inFlight });
      figures[key] = done.pushed / done.seconds;
      figures[`${key}ServerCpu`] = (await usage.per1000(done.pushed)).serverCpu;
      pushed += done.pushed;
    }
    await lab.verify({ pushed, complete: false });
    return { figures };
  },
};
