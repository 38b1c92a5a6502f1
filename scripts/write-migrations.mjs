// Writes the migrations as plain SQL, for teams that use another tool: `npm run build && node scripts/write-migrations.mjs`.
import { writeFileSync } from 'node:fs';
import { SAFE_PATH } from '../dist/lib/storage/sql/path.sql.js';
import { createSchemaSql, dropSchemaSql } from '../dist/lib/storage/sql/schema.sql.js';

const HEADER = `-- Written by scripts/write-migrations.mjs. For the schema "public"; to use another, replace "public", 'public' and the name of
-- the NOTIFY channel by what \`createPgQueueMigrations({ schema })\` runs, or run that.\n`;

/** @param {string} name @param {string[]} statements */
function write(name, statements) {
  writeFileSync(
    new URL(`../migrations/${name}`, import.meta.url),
    `${HEADER}\nBEGIN;\n\nSET LOCAL search_path = ${SAFE_PATH};\n\n${statements.join(';\n\n')};\n\nCOMMIT;\n`,
  );
}

write('1795478400000-create-pgqueue.up.sql', createSchemaSql('public'));
write('1795478400000-create-pgqueue.down.sql', dropSchemaSql('public'));
