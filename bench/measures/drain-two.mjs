/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries } from '../harness/entries.mjs';
import { DRAIN_COLUMNS } from './columns.mjs';

/** @type {Measure} */
export default {
  name: 'drain-two',
  title: 'Drain, two processes',
  about: 'As the drain by one process, but two processes share the work.',
  entries: entries(['pgqueue', 'raw', 'graphile-worker', 'pg-boss', 'bullmq-redis']),
  columns: DRAIN_COLUMNS,
  parameters: ({ quick }) => ({ tasks: quick ? 3000 : 100_000 }),
  async run(lab, _entry, { tasks = 0 }) {
    return { figures: await drain(lab, { tasks, processes: 2 }) };
  },
};
