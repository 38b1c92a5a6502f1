/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries } from '../harness/entries.mjs';
import { DRAIN_COLUMNS } from './columns.mjs';

/** @type {Measure} */
export default {
  name: 'defaults',
  title: 'Drain with default options, one slot',
  about:
    'One process, one task at a time, every option left at its default, a store of 20,000 tasks. A run that is not over after 8 s is cut there.',
  entries: entries(['pgqueue', 'graphile-worker', 'pg-boss', 'bullmq-redis', 'bullmq-postgres'], {
    configuration: 'default',
  }),
  columns: DRAIN_COLUMNS,
  parameters: ({ quick }) => (quick ? { tasks: 500, limitMs: 3000 } : { tasks: 20_000, limitMs: 8000 }),
  async run(lab, _entry, { tasks = 0, limitMs = 0 }) {
    return { figures: await drain(lab, { tasks, limitMs }) };
  },
};
