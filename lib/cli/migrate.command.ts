import { migrate } from '../storage/migrate.js';
import { askShards, resultOf } from '../task/shard-answers.js';
import { type Command, EXIT } from './command.js';

export const migrateCommand: Command = {
  summary: "create the queue's tables, or find that they are there",
  usage: 'migrate',
  details: 'Runs in one transaction; does nothing to tables of this version, and refuses those of another.',
  options: {},
  arguments: [0, 0],
  withoutTables: true,
  async run({ shards, schema, partly, output, json }) {
    const asked = await askShards(shards, ({ database }) =>
      database.transaction((run) => migrate(run, schema)),
    );
    await partly.of(Promise.resolve().then(() => resultOf(asked, undefined)));
    for (const [{ name }, created] of asked.answers) {
      output.out(
        json
          ? `${JSON.stringify({ shard: name, schema, created })}\n`
          : `${shards.length > 1 ? `shard ${name}, ` : ''}schema "${schema}": ${created ? "the queue's tables were created" : 'nothing to do'}\n`,
      );
    }
    return EXIT.done;
  },
};
