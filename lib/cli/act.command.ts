import { userInfo } from 'node:os';
import type { ActionOptions, ActionResult } from '../inspect/operator-action.js';
import type { TaskFilter } from '../inspect/task-filter.js';
import type { KindView } from '../inspect/task-view.js';
import {
  type Command,
  type CommandContext,
  EXIT,
  type ExitCode,
  UsageError,
  wholeNumber,
} from './command.js';
import { jsonLine } from './output.js';

const FILTERS = {
  by: { type: 'string' },
  kind: { type: 'string' },
  key: { type: 'string' },
  text: { type: 'string' },
  limit: { type: 'string' },
} as const;

const FILTER_USAGE = '[id …] [--kind <kind>] [--key <key>] [--text <text>] [--limit <number>] [--by <name>]';
const FILTER_DETAILS = `Tasks are named by their ids, or by filters:
  --kind <kind>     the number of a kind, or the name that a live worker process has for it
  --key <key>       the external key
  --text <text>     a part of the payload
  --limit <number>  at most so many, default 1000
  --by <name>       who acts, for the record on the error stream; default the user of the operating system
Ends with 3 when nothing was changed.`;

export const retryCommand: Command = {
  summary: 'give tasks without attempts left new ones',
  usage: `retry ${FILTER_USAGE} [--attempts <number>]`,
  details: `${FILTER_DETAILS}
  --attempts <number>  how many attempts each gets, default as many as it had`,
  options: { ...FILTERS, attempts: { type: 'string' } },
  arguments: [0, 1000],
  async run(context) {
    const attempts = wholeNumber(context.values, 'attempts');
    return act(context, 'given new attempts', (filter, options) =>
      context.admin.retry(filter, { ...options, attempts }),
    );
  },
};

export const cancelCommand: Command = {
  summary: 'cancel open tasks; running attempts are aborted',
  usage: `cancel ${FILTER_USAGE}`,
  details: FILTER_DETAILS,
  options: FILTERS,
  arguments: [0, 1000],
  run: (context) => act(context, 'cancelled', (filter, options) => context.admin.cancel(filter, options)),
};

/** Changes the tasks that the arguments name, and reports how many were changed. @param done what they were, in words */
async function act(
  context: CommandContext,
  done: string,
  change: (filter: TaskFilter, options: ActionOptions) => Promise<ActionResult>,
): Promise<ExitCode> {
  const { failures, output, json, values } = context;
  const options = { by: values['by'] ?? userName(), limit: wholeNumber(values, 'limit') };
  const filter = await filterOf(context);
  const result = await failures.resultOf(change(filter, options));
  const { changed, more, refused = [] } = result;
  const tasks = changed === 1 ? '1 task was' : `${changed} tasks were`;
  const lines = [
    `${tasks} ${done}${more ? '; the limit was reached, there may be more' : ''}`,
    ...refused.map(({ id, error }) => `task ${id} could not be changed: ${error}`),
  ];
  output.out(json ? jsonLine(result) : `${lines.join('\n')}\n`);
  return changed === 0 ? EXIT.nothing : EXIT.done;
}

async function filterOf({ admin, failures, values, arguments: ids }: CommandContext): Promise<TaskFilter> {
  const { kind, key, text } = values;
  if (ids.length === 0 && [kind, key, text].every((value) => value === undefined)) {
    throw new UsageError('name the tasks: ids, --kind, --key or --text');
  }
  return {
    id: ids.length > 0 ? ids : undefined,
    kind: kind === undefined ? undefined : await kindNumber(kind, () => failures.resultOf(admin.kinds())),
    externalKey: key,
    text,
  };
}

async function kindNumber(kind: string, kinds: () => Promise<readonly KindView[]>): Promise<number> {
  if (/^-?\d{1,5}$/.test(kind)) {
    return Number(kind);
  }
  const found = (await kinds()).find(({ name }) => name === kind);
  if (!found) {
    throw new UsageError(
      `--kind: no live worker process handles a kind named ${JSON.stringify(kind)}; give its number`,
    );
  }
  return found.kind;
}

/** The user of the operating system: its name, or its number when it has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
