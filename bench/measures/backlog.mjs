/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries, inVariants } from '../harness/entries.mjs';
import { PER_SECOND, PEAK_RSS, SERVER_CPU, WORKER_CPU } from './columns.mjs';

const SMALL = 50_000;

/** @type {Measure} */
export default {
  name: 'backlog',
  title: 'Drain with a large backlog',
  about:
    'As the drain by one process, of 50,000 waiting tasks and of a million; a run that is not over after 30 s is cut there. The first 50,000 are told apart, so that like is compared with like.',
  variantTitle: 'waiting tasks',
  entries: ({ quick, backlog }) =>
    inVariants(quick ? [2000, 10_000] : [SMALL, backlog], (tasks) =>
      entries(['pgqueue', 'raw', 'graphile-worker', 'pg-boss', 'bullmq-redis'], {
        repetitions: tasks > SMALL ? 1 : 3,
      }),
    ),
  columns: [
    PER_SECOND,
    { key: 'firstPerSecond', title: 'the first 50,000, tasks/s' },
    WORKER_CPU,
    SERVER_CPU,
    PEAK_RSS,
  ],
  parameters: ({ quick }) => (quick ? { first: 2000, limitMs: 5000 } : { first: SMALL, limitMs: 30_000 }),
  async run(lab, { variant }, { first = 0, limitMs = 0 }) {
    return { figures: await drain(lab, { tasks: Number(variant), firstTasks: first, limitMs }) };
  },
};
