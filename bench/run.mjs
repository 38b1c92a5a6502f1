/** Measures this library beside others: `npm start -- --help`. */
/** @import { MeasureResult, Results } from './types.js' */
import { CONTENDERS } from './contenders/index.mjs';
import { describeMachine, describeVersions } from './harness/machine.mjs';
import { readOptions, USAGE } from './harness/options.mjs';
import { entriesToRun, runMeasure, runnable, say } from './harness/runner.mjs';
import { POSTGRES_SETTINGS, REDIS_SETTINGS, startPostgres, startRedis } from './harness/servers.mjs';
import { MEASURES } from './measures/index.mjs';
import { report } from './report/index.mjs';
import { mergeResults, targetFile, writeResults } from './report/results.mjs';

if (process.argv.includes('--help')) {
  process.stdout.write(USAGE);
  process.exit();
}
const options = readOptions(process.argv.slice(2));
const names = CONTENDERS.map(({ name }) => /** @type {string} */ (name));
const unknown = options.only.filter(
  (name) => !names.includes(name) && !MEASURES.some((measure) => measure.name === name),
);
if (unknown.length > 0) throw new Error(`There is no measure or contender ${unknown.join(', ')}`);
if (options.list) {
  say(`Measures:\n${MEASURES.map(({ name, title }) => `  ${name.padEnd(12)} ${title}`).join('\n')}`);
  say(`Contenders:\n${names.map((name) => `  ${name}`).join('\n')}`);
  process.exit();
}
if (Number(process.versions.node.split('.')[0]) < 22) {
  throw new Error(
    `The contenders need Node 22 or newer, this is ${process.versions.node}: run \`make bench\``,
  );
}

const chosen = names.filter((name) => options.only.includes(name));
const wanted = chosen.length > 0 ? chosen : names;
const measures = MEASURES.filter(({ name }) => options.only.includes(name));

const machine = describeMachine();
const postgres = await startPostgres();
const needsRedis = wanted.some((name) => runnable([name], false).length === 0);
const redis = needsRedis ? await startRedis() : 'no contender needs it';
/** @type {Awaited<ReturnType<typeof startPostgres>>[]} */
const more = [];
const servers = {
  postgres,
  redis: typeof redis === 'string' ? undefined : redis,
  /** @param {number} count */
  async more(count) {
    while (more.length < count) more.push(await startPostgres());
    return more.slice(0, count);
  },
};
if (needsRedis && typeof redis === 'string') say(`Without BullMQ on Redis: ${redis}`);

let interrupted = false;
const stop = async () => {
  await servers.redis?.stop();
  await Promise.all([postgres, ...more].map((server) => server.stop()));
};
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    interrupted = true;
    void stop().finally(() => process.exit(130));
  });
}

/** @type {Record<string, MeasureResult>} */
const results = {};
try {
  const contenders = runnable(wanted, servers.redis !== undefined);
  const startedAt = performance.now();
  const profiles = options.profile ? new URL('results/profiles/', import.meta.url).pathname : undefined;
  for (const measure of measures.length > 0 ? measures : MEASURES) {
    const entries = entriesToRun(measure, options, contenders);
    if (entries.length === 0) continue;
    say(`\n${measure.title} (${measure.name})`);
    const result = await runMeasure(measure, entries, servers, {
      ...options,
      ...(profiles && { profileFolder: `${profiles}${measure.name}` }),
    });
    results[measure.name] = result;
    say(`  took ${result.seconds} s`);
  }
  say(`\nAll measures took ${Math.round((performance.now() - startedAt) / 60_000)} minutes`);
  /** @type {Results} */
  const all = {
    machine,
    versions: await describeVersions(postgres.url),
    settings: {
      PostgreSQL: Object.entries(POSTGRES_SETTINGS)
        .map(([name, value]) => `${name}=${value}`)
        .join(', '),
      Redis: REDIS_SETTINGS.map((part) => part || '""').join(' '),
    },
    configurations: Object.fromEntries(CONTENDERS.map(({ name, configurations }) => [name, configurations])),
    measures: results,
  };
  const file = targetFile(options, chosen.length > 0);
  const merged = await mergeResults(file, all);
  await writeResults(file, merged);
  await report(file, merged);
} finally {
  if (!interrupted) await stop();
}

const failures = Object.entries(results).flatMap(([name, { entries }]) =>
  Object.entries(entries).flatMap(([label, entry]) =>
    entry.failures.map((failure) => `${name}, ${label}: ${failure}`),
  ),
);
for (const failure of failures) process.stderr.write(`FAILED: ${failure}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
