import { type Command, EXIT } from './command.js';
import { jsonLine, oneLine } from './output.js';

export const explainCommand: Command = {
  summary: 'why a task is not running, or who runs it',
  usage: 'explain <id>',
  details: 'Ends with 3 when there is no such task.',
  arguments: [1, 1],
  async run({ admin, output, json, arguments: [id] }) {
    const explanation = await admin.explain(id!);
    output.out(json ? jsonLine({ id, ...explanation }) : `${oneLine(explanation.text)}\n`);
    return explanation.reason === 'not-found' ? EXIT.nothing : EXIT.done;
  },
};
