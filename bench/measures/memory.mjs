/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries, inVariants } from '../harness/entries.mjs';
import { PEAK_RSS, PER_SECOND } from './columns.mjs';

/** By slots: enough to fill them all twice or more. */
const TASKS = { 1: 20, 1000: 5000, 10_000: 30_000 };

/** @type {Measure} */
export default {
  name: 'memory',
  title: 'Memory of a worker process',
  about:
    'One process with so many slots (jobs at once; for pg-boss the size of its batch) runs tasks that each take 100 ms, so that all slots are in use. The most memory that the process held.',
  variantTitle: 'slots',
  entries: inVariants([1, 1000, 10_000], () =>
    entries(['pgqueue', 'graphile-worker', 'pg-boss', 'bullmq-redis']),
  ),
  columns: [PEAK_RSS, PER_SECOND],
  repetitions: 1,
  parameters: ({ quick }) => ({ holdMs: 100, share: quick ? 0.1 : 1 }),
  async run(lab, { variant }, { holdMs = 0, share = 1 }) {
    const slots = /** @type {keyof typeof TASKS} */ (variant);
    const { perSecond = null, peakRss = null } = await drain(lab, {
      tasks: Math.ceil(TASKS[slots] * share),
      mode: 'hold',
      holdMs,
      slots,
      limitMs: 60_000,
    });
    return { figures: { perSecond, peakRss } };
  },
};
