/** @import { Measure, Run } from '../types.js' */
import { entries, inVariants } from '../harness/entries.mjs';
import { now, pause } from '../harness/clock.mjs';

/** What a forgotten transaction has done before it fell idle. */
const PINS = {
  reader: ['BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM pg_class'],
  writer: ['BEGIN', 'SELECT pg_current_xact_id()'],
};

/** @type {Measure} */
export default {
  name: 'pinned',
  title: 'A forgotten transaction',
  about:
    'One process pushes batches of 1,000 and another runs them, both at full speed and at most 10,000 apart, while an idle transaction keeps vacuum from removing anything: a REPEATABLE READ reader, or a writer that holds a transaction id; or none (free; half as long for the others). Tasks per second in the last 10 seconds.',
  variantTitle: 'transaction',
  entries: inVariants(['free', 'reader', 'writer'], (pin) =>
    entries([
      'pgqueue',
      ...(pin === 'writer' ? [] : /** @type {const} */ (['raw'])),
      'graphile-worker',
      'pg-boss',
    ]),
  ),
  columns: [
    { key: 'last', title: 'last 10 s, tasks/s' },
    { key: 'mean', title: 'mean, tasks/s' },
    { key: 'serverCpu', title: 'server CPU, ms per 1,000', digits: 1 },
  ],
  repetitions: 1,
  parameters: ({ quick }) =>
    quick ? { seconds: 3, freeSeconds: 3, bucket: 0.5 } : { seconds: 60, freeSeconds: 30, bucket: 5 },
  async run(lab, { contender, variant }, { seconds: pinnedSeconds = 0, freeSeconds = 0, bucket = 0 }) {
    const seconds = variant === 'free' && contender !== 'pgqueue' ? freeSeconds : pinnedSeconds;
    const producer = await lab.open();
    await lab.openWorkers(1, { progressMs: 10 });
    await lab.startWorkers();
    const warm = await lab.warmUp(5000);
    lab.onProgress(() => producer.giveCredit(lab.handled));
    const pin = await lab.connect();
    for (const statement of PINS[/** @type {keyof typeof PINS} */ (variant)] ?? [])
      await pin.query(statement);

    const usage = await lab.startUsage();
    const flood = producer.call('flood', { from: warm, seconds, batch: 1000, inFlight: 2, ahead: 10_000 });
    const series = await sample(lab, seconds, bucket);
    const { pushed } = await flood;
    const { serverCpu } = await usage.per1000(lab.handled - warm);
    await pin.query('ROLLBACK');
    await lab.whenHandled(warm + pushed, 120_000);
    await lab.whenEmpty();
    await lab.stopWorkers();
    await lab.verify({ pushed: warm + pushed });

    const rates = series.map(({ perSecond }) => perSecond);
    const lastRates = rates.slice(-Math.max(1, Math.round(10 / bucket)));
    return { figures: { last: mean(lastRates), mean: mean(rates), serverCpu }, series };
  },
};

/**
 * @param {import('../types.js').Lab} lab
 * @param {number} seconds
 * @param {number} bucket
 */
async function sample(lab, seconds, bucket) {
  /** @type {NonNullable<Run['series']>} */
  const series = [];
  const startedAt = now();
  let [at, handled] = [startedAt, lab.handled];
  for (let end = bucket; end <= seconds + bucket / 100; end += bucket) {
    await pause(Math.max(0, startedAt + end * 1000 - now()));
    const [nextAt, next] = [now(), lab.handled];
    series.push({ seconds: end, perSecond: ((next - handled) / (nextAt - at)) * 1000 });
    [at, handled] = [nextAt, next];
  }
  return series;
}

/** @param {readonly number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
