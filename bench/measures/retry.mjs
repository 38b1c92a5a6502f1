/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries } from '../harness/entries.mjs';
import { SERVER_CPU, WORKER_CPU } from './columns.mjs';

/** @type {Measure} */
export default {
  name: 'retry',
  title: 'Fail once, then succeed',
  about:
    'Every task fails at its first attempt and succeeds at its second. No delay between the two where that can be had; graphile-worker always waits 2.7 s before a second attempt. Seconds until all are done.',
  entries: [
    ...entries(['pgqueue', 'graphile-worker']),
    { contender: 'pg-boss', configuration: 'per-job' },
    ...entries(['bullmq-redis', 'bullmq-postgres']),
  ],
  columns: [{ key: 'seconds', title: 'seconds', digits: 2 }, WORKER_CPU, SERVER_CPU],
  parameters: ({ quick }) => ({ tasks: quick ? 300 : 10_000 }),
  async run(lab, _entry, { tasks = 0 }) {
    return { figures: await drain(lab, { tasks, mode: 'fail-once' }) };
  },
};
