import { buildIndex, migrate, type MigrationPlan, planMigration } from '../storage/migrate.js';
import { callDatabases, resultOf } from '../cluster/database-results.js';
import type { CliDatabase } from './cli-database.js';
import { type Command, EXIT } from './command.js';
import { jsonLine, oneLine } from './output.js';

export const migrateCommand: Command = {
  summary: "create the queue's tables, or what is missing of them",
  usage: 'migrate [--dry-run]',
  details: `Says what it does to each shard; with --dry-run, what it would do.
Runs in one transaction. Indexes that a table with tasks lacks are built after it, one by one and CONCURRENTLY: pushes and
workers go on meanwhile. Does nothing to tables that are complete, and refuses those of another version.`,
  options: { 'dry-run': { type: 'boolean' } },
  withoutTables: true,
  async run({ databases, schema, failures, output, json, values }) {
    const isDry = Boolean(values['dry-run']);
    const labelOf = ({ name }: CliDatabase) => (databases.length > 1 ? `shard ${name}, ` : '');
    const migrated = await callDatabases(databases, async (target) => {
      const { database } = target;
      if (isDry) {
        return database.transaction((run) => planMigration(run, schema));
      }
      const plan = await database.transaction((run) => migrate(run, schema, { indexesLater: true }));
      for (const index of plan.indexes) {
        if (!json) {
          output.err(`${labelOf(target)}building index ${index} of pgqueue\n`);
        }
        await buildIndex(database, schema, index);
      }
      return plan;
    });
    await failures.resultOf(Promise.resolve().then(() => resultOf(migrated, undefined)));
    migrated.results.forEach((plan, target) => {
      const { does, parts } = plan;
      output.out(
        json
          ? jsonLine({ shard: target.name, schema, created: does === 'create', does, parts, dryRun: isDry })
          : `${oneLine(`${labelOf(target)}schema "${schema}": ${sentence(plan, isDry)}`)}\n`,
      );
    });
    return EXIT.done;
  },
};

function sentence({ does, parts }: MigrationPlan, isDry: boolean): string {
  switch (does) {
    case 'nothing':
      return 'nothing to do';
    case 'create':
      return `the queue's tables ${isDry ? 'would be' : 'were'} created`;
    case 'complete':
      return `${isDry ? 'would create' : 'created'} what was missing: ${parts.join(', ')}`;
  }
}
