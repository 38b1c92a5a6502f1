/** @import { Options } from '../types.js' */
import { parseArgs } from 'node:util';

export const USAGE = `Usage: node run.mjs [options]

  --only NAME,NAME…    only these measures and contenders (a name of either; none of one sort: all of it)
  --repetitions N      run every entry so often (default: 3, fewer for the long measures)
  --quick              small sizes, once: to see that everything runs; the figures are worth nothing
  --backlog N          the large backlog, in tasks (default 1000000)
  --profile            write CPU profiles of all contender processes to results/profiles
  --list               list measures and contenders
`;

/** @param {readonly string[]} args @returns {Options} */
export function readOptions(args) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      repetitions: { type: 'string' },
      quick: { type: 'boolean', default: false },
      backlog: { type: 'string', default: '1000000' },
      profile: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  return {
    only: values.only.flatMap((names) => names.split(',')).filter(Boolean),
    repetitions: values.repetitions === undefined ? undefined : count('repetitions', values.repetitions),
    backlog: count('backlog', values.backlog),
    quick: values.quick,
    profile: values.profile,
    list: values.list,
  };
}

/** @param {string} name @param {string} text */
function count(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} must be a whole number from 1: ${text}`);
  return value;
}
