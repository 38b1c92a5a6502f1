import { migrate } from '../storage/migrate.js';
import { type Command, EXIT } from './command.js';

export const migrateCommand: Command = {
  summary: "create the queue's tables, or find that they are there",
  usage: 'migrate',
  details: 'Runs in one transaction; does nothing to tables of this version, and refuses those of another.',
  options: {},
  arguments: [0, 0],
  withoutTables: true,
  async run({ database, schema, output, json }) {
    const created = await database.transaction((run) => migrate(run, schema));
    output.out(
      json
        ? `${JSON.stringify({ schema, created })}\n`
        : `schema "${schema}": ${created ? "the queue's tables were created" : 'nothing to do'}\n`,
    );
    return EXIT.done;
  },
};
