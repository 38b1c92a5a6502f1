import { expect } from 'vitest';
import { MustCancelTaskError, QueueAdmin } from '../../lib/index.js';
import { databasePerFile, IDLE, newKind, until } from '../support/index.js';

const { it, app } = databasePerFile({ app: IDLE });

it('a trigger of the application finds its tables by their names, whoever changes a task', async () => {
  await app.dataSource.query(
    `CREATE TABLE audit (operation text, id bigint);
     CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN INSERT INTO audit VALUES (tg_op, old.id); RETURN NULL; END $$;
     CREATE TRIGGER audit AFTER UPDATE OR DELETE ON pgqueue FOR EACH ROW EXECUTE FUNCTION audit()`,
  );
  const definition = newKind({ maxAttempts: 1 });
  const events = app.recordEvents();
  app.queue.registerKind(definition, ({ payload }) => {
    if (payload === 'fails') {
      throw new Error('fails');
    }
    if (payload === 'cancels') {
      throw new MustCancelTaskError('no');
    }
  });
  await app.queue.start();
  const tasks = await app.queue.pushTasks(
    ['succeeds', 'fails', 'cancels'].map((payload) => ({ kind: definition, payload })),
  );
  const settled = () => events.of('attempt-settled');
  await until(() => settled().length === tasks.length);
  expect(settled().filter(({ as }) => as === 'succeeded' || as === 'cancelled')).toHaveLength(2);
  const admin = app.get(QueueAdmin);
  const failed = tasks[1]!.id!;
  expect(await admin.delete({ id: failed })).toEqual({ changed: 1, more: false });
  const [{ changes }] = await app.dataSource.query('SELECT count(DISTINCT id)::int AS changes FROM audit');
  expect(changes).toBe(3);
  const [{ deletions }] = await app.dataSource.query(
    `SELECT count(*)::int AS deletions FROM audit WHERE operation = 'DELETE' AND id = $1`,
    [failed.split(':').at(-1)],
  );
  expect(deletions).toBe(1);
});
