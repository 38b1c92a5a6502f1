import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { PgQueueModule } from '../../lib/index.js';
import { startApp, typeOrm } from './nest-app.js';
import { createTestDatabase } from './test-database.js';

/** A database whose tables belong to an administrator, and a role that may use them and owns nothing. */
export interface OrdinaryRole {
  readonly admin: pg.Client;
  readonly role: string;
  /** Of the database, for the role. */
  readonly url: string;
  drop(): Promise<void>;
}

export async function createOrdinaryRole(): Promise<OrdinaryRole> {
  const database = await createTestDatabase({ plain: true });
  const owner = await startApp({
    imports: [typeOrm(database.url), PgQueueModule.forRoot({ autoStart: false })],
  });
  await owner.close();
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const role = `pgqueue_test_${randomBytes(6).toString('hex')}`;
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
  await admin.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
  await admin.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`);
  return {
    admin,
    role,
    url: Object.assign(new URL(database.url), { username: role, password: 'secret' }).href,
    drop: async () => {
      await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await admin.end();
      await database.drop();
    },
  };
}
