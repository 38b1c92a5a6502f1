/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries } from '../harness/entries.mjs';
import { DRAIN_COLUMNS } from './columns.mjs';

/** Too slow for as many tasks as the others. */
const SLOW = ['bullmq-postgres'];

/** @type {Measure} */
export default {
  name: 'drain',
  title: 'Drain, one process',
  about:
    'The store is filled, vacuumed and analysed; then one process runs all tasks with a handler that does nothing. The clock runs until no unfinished task is left in the store. bullmq-postgres gets fewer tasks, because it takes so long.',
  entries: [
    ...entries(['pgqueue', 'raw', 'graphile-worker']),
    { contender: 'graphile-worker', configuration: 'queue-2000' },
    ...entries(['pg-boss', 'bullmq-redis', 'bullmq-postgres']),
  ],
  columns: DRAIN_COLUMNS,
  parameters: ({ quick }) =>
    quick ? { tasks: 3000, slowTasks: 500 } : { tasks: 100_000, slowTasks: 15_000 },
  async run(lab, { contender }, { tasks = 0, slowTasks = 0 }) {
    return { figures: await drain(lab, { tasks: SLOW.includes(contender) ? slowTasks : tasks }) };
  },
};
