/** @import { Measure } from '../types.js' */
import { entries } from '../harness/entries.mjs';
import { now, until } from '../harness/clock.mjs';

const TIMEOUT_MS = 180_000;

/** @type {Measure} */
export default {
  name: 'crash',
  title: 'From kill -9 to the tasks running elsewhere',
  about:
    'A worker process takes 10 tasks and is killed with SIGKILL; another, alive all the time, has nothing to do. Seconds until it has run all 10. Time-outs are left at their defaults.',
  entries: [
    ...entries(['pgqueue'], { configuration: 'ten' }),
    ...entries(['bullmq-redis', 'bullmq-postgres'], { configuration: 'ten', slow: true }),
  ],
  columns: [{ key: 'seconds', title: 'seconds', digits: 1 }],
  quoted: {
    'graphile-worker': '4 h, then a sweep within 10 min (documented, not run)',
    'pg-boss': '15 min, then a check within 60 s (documented, not run)',
  },
  together: true,
  parameters: () => ({ tasks: 10 }),
  async run(lab, _entry, { tasks = 0 }) {
    const producer = await lab.open();
    const [victim] = await lab.openWorkers(1, { mode: 'hang' });
    if (!victim) throw new Error('there is no worker');
    await lab.startWorkers();
    await producer.call('fill', { from: 0, count: tasks, batch: 1, inFlight: 1 });
    await until('the tasks run', 60_000, async () => (await victim.call('seen')).running === tasks);
    lab.forget(victim);
    await lab.openWorkers(1, { progressMs: 20 });
    await lab.startWorkers();
    await victim.kill();
    const killedAt = now();
    await lab.whenHandled(tasks, TIMEOUT_MS);
    const seconds = (now() - killedAt) / 1000;
    await lab.whenEmpty();
    await lab.verify({ pushed: tasks });
    return { figures: { seconds } };
  },
};
