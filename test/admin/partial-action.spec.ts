import { expect, it } from 'vitest';
import { QueueAdmin } from '../../lib/index.js';
import { newKind, rejectionOf } from '../support/index.js';
import { createQueueApp } from '../support/queue-app.js';
import { createTestDatabase } from '../support/test-database.js';

it('an action tells how many tasks it changed, and which of the others the database refuses', async () => {
  const database = await createTestDatabase();
  const app = await createQueueApp({ url: database.url, options: { autoStart: false } });
  const admin = app.get(QueueAdmin);
  const kind = newKind();
  await app.queue.pushTasks(Array.from({ length: 600 }, () => ({ kind, payload: 1 })));
  await app.dataSource.query(`UPDATE pgqueue SET status = 'no_attempts_left', finished_at = now()`);
  const { next } = await admin.list({ kind, status: 'no_attempts_left' }, { limit: 500 });
  const {
    tasks: [stop],
  } = await admin.list({ kind, status: 'no_attempts_left' }, { after: next! });
  await app.dataSource
    .query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON pgqueue FOR EACH ROW WHEN (old.id <= ${stop!.id.split('/').at(-1)}) EXECUTE FUNCTION refuse()`);
  expect(await admin.retry({ kind })).toMatchObject({
    changed: 500,
    more: true,
    refused: expect.arrayContaining([
      { id: expect.any(String), error: expect.stringContaining('refused by the function refuse') },
    ]),
  });
  expect((await admin.counts())[0]!.statuses).toMatchObject({
    must_retry: { count: 500 },
    no_attempts_left: { count: 100 },
  });
  // Where nothing was changed the database's own error says it all.
  expect(await rejectionOf(admin.retry({ id: stop!.id }))).toMatchObject({ code: 'P0001' });
  await app.close();
  await database.drop();
});
