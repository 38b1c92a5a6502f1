/** @import { ContenderName, Measure } from '../types.js' */
import { entries, inVariants } from '../harness/entries.mjs';
import { percentiles } from '../harness/statistics.mjs';
import { LATENCY_COLUMNS } from './columns.mjs';

/** Where a contender stores its tasks. @type {Partial<Record<ContenderName, string>>} */
const TABLES = { pgqueue: 'pgqueue', raw: 'raw_task' };
/** Between the pushes of a pair, so that the second rings while the ring of the first is fresh. */
const GAP_MS = 3;
const WARM = 20;

/** @type {Measure} */
export default {
  name: 'wake-up-slow-commits',
  title: 'Wake-up where commits take unequal time',
  about: `One process pushes 200 single tasks in pairs, ${GAP_MS} ms apart, with pauses of 20 to 50 ms between the pairs; the commit of the second takes 0, 25 or 60 ms longer, as a synchronous standby or a busy disk makes it (a deferred trigger waits). Another process runs them. Milliseconds from the acknowledgement of the push to the start of the handler.`,
  entries: inVariants([0, 25, 60], () => [
    ...entries(['pgqueue']),
    { contender: 'raw', configuration: 'listen' },
  ]),
  variantTitle: 'longer by, ms',
  columns: LATENCY_COLUMNS,
  parameters: ({ quick }) => ({ tasks: quick ? 20 : 200 }),
  async run(lab, { contender, variant }, { tasks = 0 }) {
    const producer = await lab.open();
    const client = await lab.connect();
    await client.query(`
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(${Number(variant) / 1000}); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON ${TABLES[contender]} DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN ((NEW.payload->>'n')::int % 2 = 1) EXECUTE FUNCTION wait()`);
    const [worker] = await lab.openWorkers(1, { mode: 'starts', progressMs: 20 });
    await lab.startWorkers();
    await producer.call('trickleInPairs', { from: 0, count: WARM, gapMs: GAP_MS, minMs: 5, maxMs: 20 });
    await lab.whenHandled(WARM, 60_000);
    const pairs = { from: WARM, count: tasks, gapMs: GAP_MS, minMs: 20, maxMs: 50 };
    const acknowledged = await producer.call('trickleInPairs', pairs);
    await lab.whenHandled(WARM + tasks, 60_000);
    const starts = await /** @type {NonNullable<typeof worker>} */ (worker).call('starts');
    await lab.whenEmpty();
    await lab.stopWorkers();
    await lab.verify({ pushed: WARM + tasks });
    // A task may start before its push is acknowledged.
    const waits = acknowledged.map(([n, at]) => Math.max(0, (starts.get(n) ?? Number.NaN) - at));
    return { figures: { ...percentiles(Float64Array.from(waits)) } };
  },
};
