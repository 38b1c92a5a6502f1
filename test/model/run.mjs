// Checks the protocol model exhaustively: `make test-model`, or `node test/model/run.mjs`. Needs spin and gcc.
// The rules must hold; each variant, which puts an old rule back, must be found. Exits with 1 otherwise.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));
/** A large check and a small one at the same time: for two cores and 3 GB. */
const MEMORY_MB = { small: 600, large: 2400 };
const TIMEOUT_MS = 170_000;

/**
 * The invariants: what a failed one says, and how its assertion looks.
 * @type {Record<string, [text: string, pattern: RegExp]>}
 */
const INVARIANTS = {
  outcome: ['an outcome met the row of another attempt', /row\.truth==/],
  last: ['an attempt that never had a slot was the last', /violated row\.slotted/],
  body: ['a body started beside an older one of the process', /violated\s+!\(proc\[p\]\.body\)/],
  two: ['two run the task, or one runs it whose success waits to be written', /over&/],
  stranded: ['a task is stranded', /row\.status!=/],
  untold: ['a body was never told that its task is gone', /proc\[p\]\.attempt!=/],
  beat: ['two processes beat for one lease', /violated 0 /],
  attempts: ['attempts were lost or won', /left\+/],
  push: ['a push is not stored as its caller was told', /stored\[i\]|told\[i\]/],
  opened: ['a task that had ended was written again', /row\.status==/],
  endless: ['it may go on for ever', /non-progress/],
};

const FEW = {
  CANCELS: 0,
  RETRIES: 0,
  REPLACES: 0,
  RESTORES: 0,
  SNOOZES: 0,
  UNCLAIMS: 0,
  CRASHES: 0,
  STOPS: 0,
};

/**
 * @typedef {{ name: string, finds?: string, defines: Record<string, number>, model?: string, ends?: boolean, isLarge?: boolean }} Check
 * @type {(name: string, finds: string, disturbances: number, defines: Record<string, number>) => Check}
 */
const old = (name, finds, disturbances, defines) => ({
  name,
  finds,
  defines: { DISTURBANCES: disturbances, ...FEW, ...defines },
});

/** Nothing but this fence, outcomes whose answers are lost, and one more thing. */
const OLD_FENCE = { FENCE_BY_ATTEMPTS: 1, LOST_CLAIMS: 0 };

/**
 * Each either holds, or finds that an invariant is broken.
 * @type {Check[]}
 */
const CHECKS = [
  { name: 'the rules, two disturbances', isLarge: true, defines: { DISTURBANCES: 2 } },
  {
    name: 'the rules, three: answers and leases',
    isLarge: true,
    defines: { DISTURBANCES: 3, ...FEW, HANDLERS: 0, MAX_ATTEMPTS: 1 },
  },
  { name: 'the rules, one: every run ends', ends: true, defines: { DISTURBANCES: 1 } },
  { name: 'the rules of pushes', model: 'push.pml', defines: {} },
  old('fence by attempts: snooze', 'outcome', 3, { ...OLD_FENCE, HANDLERS: 0, SNOOZES: 1 }),
  old('fence by attempts: unclaim', 'outcome', 3, { ...OLD_FENCE, HANDLERS: 0, UNCLAIMS: 1 }),
  old('fence by attempts: retryTasks', 'outcome', 2, { ...OLD_FENCE, RETRIES: 1, MAX_ATTEMPTS: 1 }),
  old('fence by attempts: replace', 'outcome', 2, { ...OLD_FENCE, REPLACES: 1 }),
  old('fence by a counter of the row: restore', 'outcome', 2, { CLAIMS_COUNT_IN_THE_ROW: 1, RESTORES: 1 }),
  old('leases by a sequence: restore', 'beat', 1, { LEASES_BY_SEQUENCE: 1, RESTORES: 1 }),
  old('unknown is rolled back', 'stranded', 1, { UNKNOWN_IS_ROLLED_BACK: 1, NO_RECONCILIATION: 1 }),
  old('no reconciliation, a long handler', 'stranded', 2, { NO_RECONCILIATION: 1, LONG_HANDLER: 1 }),
  old('comparison before the answer', 'two', 1, { COMPARES_AT_ONCE: 1 }),
  old('late answers start bodies', 'two', 1, { LATE_ANSWERS_START: 1 }),
  old('a completion is believed', 'untold', 2, { COMPLETION_IS_BELIEVED: 1, CANCELS: 1 }),
  old('stop forgets bodies', 'body', 2, { STOP_FORGETS_BODIES: 1, STOPS: 1 }),
  old('a claim uses the last attempt', 'last', 1, { CLAIM_USES_LAST_ATTEMPT: 1, CRASHES: 1 }),
  {
    name: 'pushes again when unknown',
    finds: 'push',
    model: 'push.pml',
    defines: { PUSHES_AGAIN_WHEN_UNKNOWN: 1 },
  },
];

const hasTools = ['spin', 'gcc'].every((tool) => !spawnSync(tool, ['--version']).error);
if (!hasTools) {
  console.log(
    'the protocol model is skipped: it needs spin and gcc (Debian: apt-get install spin gcc libc6-dev)',
  );
  process.exit();
}

/** @param {Check} check */
async function check({ model = 'protocol.pml', defines, ends, isLarge }) {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgqueue-model-'));
  try {
    const flags = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
    await run('spin', ['-a', ...flags, path.join(here, model)], { cwd: folder });
    // Every state is kept whole: no hash compaction, no bit state. All steps touch what all see, so that there is nothing to reduce.
    const search = ends ? ['-DNP', '-DNOSTUTTER'] : ['-DSAFETY'];
    const compile = [
      '-O2',
      '-w',
      '-DNOREDUCE',
      '-DCOLLAPSE',
      `-DMEMLIM=${isLarge ? MEMORY_MB.large : MEMORY_MB.small}`,
      '-DVECTORSZ=2048',
      ...search,
    ];
    await run('gcc', [...compile, '-o', 'pan', 'pan.c'], { cwd: folder });
    const startedAt = performance.now();
    const { stdout } = await run('./pan', ['-m200000', ...(ends ? ['-l'] : [])], {
      cwd: folder,
      timeout: TIMEOUT_MS,
    });
    const fault = /^pan:\d+: (.*)$/m.exec(stdout)?.[1];
    const isWhole = !/Search not completed|max search depth too small|out of memory|memory limit/i.test(
      stdout,
    );
    return {
      states: Number(/^\s*([\d.e+]+) states, stored/m.exec(stdout)?.[1]),
      seconds: (performance.now() - startedAt) / 1000,
      found: fault && (Object.keys(INVARIANTS).find((name) => INVARIANTS[name]?.[1].test(fault)) ?? fault),
      isWhole,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @type {(name: string, expected: string, states: string, seconds: string, found: string) => void} */
const row = (name, expected, states, seconds, found) =>
  console.log(
    [name.padEnd(42), expected.padEnd(7), states.padStart(9), seconds.padStart(8), found].join('  '),
  );
row('rules', 'expect', 'states', 'seconds', 'found');
let wrong = 0;
/** @param {Check} next */
async function judge(next) {
  const { states, seconds, found, isWhole } = await check(next);
  const isRight = found === next.finds && (found !== undefined || isWhole);
  wrong += isRight ? 0 : 1;
  const result = found
    ? (INVARIANTS[found]?.[0] ?? found)
    : isWhole
      ? 'nothing'
      : 'nothing in what was searched';
  const expected = next.finds ? 'a fault' : 'nothing';
  row(next.name, expected, String(states), seconds.toFixed(1), `${result}${isRight ? '' : '  <-- WRONG'}`);
}

/** @param {Check[]} checks */
async function judgeAll(checks) {
  for (const next of checks) {
    await judge(next);
  }
}

await Promise.all([
  judgeAll(CHECKS.filter(({ isLarge }) => isLarge)),
  judgeAll(CHECKS.filter(({ isLarge }) => !isLarge)),
]);
console.log(
  wrong === 0
    ? 'the protocol model holds'
    : `${wrong} of ${CHECKS.length} checks of the protocol model are wrong`,
);
process.exitCode = wrong === 0 ? 0 : 1;
