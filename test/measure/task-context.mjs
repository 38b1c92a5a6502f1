// What `currentTask()` costs an attempt: `npm run build && npm run measure:task-context`. Each figure is of a process of its own, since
// the first use of AsyncLocalStorage makes every later promise of a process a little dearer.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Attempt } from '../../dist/lib/worker/run/attempt.js';
import { runAttempt } from '../../dist/lib/worker/run/attempt-runner.js';

const ROUNDS = 7;
const ATTEMPTS = 100_000;
const AT_ONCE = 100;
const AWAITS = 5;

const claimed = {
  id: 1,
  kind: 1,
  priority: 5,
  runAt: 0,
  attemptsLeft: 1,
  attempt: 1,
  externalKey: null,
  trace: null,
  payload: null,
};
const handler = /** @type {any} */ ({
  options: { name: 'work' },
  invoke: async () => {
    for (let i = 0; i < AWAITS; i++) await Promise.resolve();
  },
});

/** @param {boolean} taskContext */
async function nanosecondsPerAttempt(taskContext) {
  const hooks = {
    taskContext,
    origin: { name: 'default', idOf: String },
    completer: { complete: async () => {} },
    database: { explainLost: () => undefined },
  };
  const startedAt = performance.now();
  for (let done = 0; done < ATTEMPTS; done += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () =>
        runAttempt(new Attempt(claimed, 1, 1), handler, hooks, () => undefined),
      ),
    );
  }
  return ((performance.now() - startedAt) * 1e6) / ATTEMPTS;
}

/** @param {number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const [, , only] = process.argv;
if (only) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await nanosecondsPerAttempt(only === 'with'));
  console.log(median(rounds));
} else {
  for (const variant of ['without', 'with', 'without', 'with']) {
    const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), variant], {
      encoding: 'utf8',
    });
    console.log(
      `${process.version}, ${variant} the task context: ${Math.round(Number(output))} ns per attempt`,
    );
  }
}
