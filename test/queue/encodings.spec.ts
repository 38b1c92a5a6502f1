import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineTask, InvalidTaskError, noJitter, QueueAdmin } from '../../lib/index.js';
import { rejectionOf, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const TEXT = 'żółć é \\u00e9 \u{1F600}';

describe.skipIf(cannotRunOver({ schema: 'one is enough' })).each(['LATIN1', 'SQL_ASCII', 'WIN1250', 'UTF8'])(
  'a database in %s',
  (encoding) => {
    const Echo = defineTask<any>({
      kind: 1,
      name: 'écho żółć',
      attemptTimeout: '5s',
      backoff: noJitter(0),
      maxAttempts: 1,
      maxTaskErrorMessages: 1,
    });
    const seen: { payload: any; externalKey: string | null }[] = [];
    let database: TestDatabase;
    let app: QueueApp;

    beforeAll(async () => {
      database = await createTestDatabase({ encoding });
      app = await createQueueApp({ url: database.url });
      app.queue.registerKind(Echo, ({ payload, externalKey }) => {
        seen.push({ payload, externalKey });
        if (payload.fails) {
          throw new Error(`failed: ${TEXT}`);
        }
      });
    });
    afterAll(async () => {
      await app.close();
      await database.drop();
    });

    it('carries payloads and keys to the letter', async () => {
      await app.queue.pushTask({ kind: Echo, payload: { text: TEXT, [TEXT]: 1 } });
      await app.queue.pushTasks([
        { kind: Echo, payload: { text: `${TEXT}1` }, externalKey: TEXT },
        { kind: Echo, payload: { text: `${TEXT}2` }, externalKey: 'ascii \\u00e9' },
      ]);
      await app.dataSource.transaction((manager) =>
        app.queue.pushTask(
          { kind: Echo, payload: { text: `${TEXT}3` }, externalKey: `${TEXT}3` },
          { manager },
        ),
      );
      await until(() => seen.length === 4);
      expect(
        seen.find(({ externalKey, payload }) => externalKey === null && payload[TEXT] === 1)?.payload.text,
      ).toBe(TEXT);
      expect(seen.map(({ externalKey }) => externalKey)).toEqual(
        expect.arrayContaining([TEXT, 'ascii \\u00e9', `${TEXT}3`]),
      );
      expect(seen.map(({ payload }) => payload.text)).toEqual(
        expect.arrayContaining([`${TEXT}1`, `${TEXT}2`, `${TEXT}3`]),
      );
    });

    it('knows a key again, in a push, a cancel and a search', async () => {
      const push = () =>
        app.queue.pushTask({ kind: Echo, payload: {}, externalKey: `again ${TEXT}` }, { delay: '1h' });
      const { id } = await push();
      expect(await push()).toEqual({ id, status: 'duplicate' });
      const admin = app.get(QueueAdmin);
      const { tasks } = await admin.list({ externalKey: `again ${TEXT}` });
      expect(tasks.map((task) => [task.id, task.externalKey])).toEqual([[id, `again ${TEXT}`]]);
      expect((await admin.task(id!))!.externalKey).toBe(`again ${TEXT}`);
      expect(await app.queue.cancelTaskByKey(Echo, `again ${TEXT}`)).toBe(true);
    });

    it('finds payloads by their text', async () => {
      const { id } = await app.queue.pushTask({ kind: Echo, payload: { note: 'żółty' } }, { delay: '1h' });
      const { tasks } = await app.get(QueueAdmin).list({ text: 'żółty' });
      expect(tasks.map((task) => task.id)).toEqual([id]);
    });

    it('stores what a handler threw, with escapes where the encoding lacks a character', async () => {
      const { id } = await app.queue.pushTask({ kind: Echo, payload: { fails: true } });
      const [task] = await until(async () => {
        const found = await storedTasks(app.dataSource, `id = ${id} AND status = 'no_attempts_left'`);
        return found.length > 0 && found;
      });
      const lacks = encoding === 'LATIN1' || encoding === 'WIN1250';
      expect(task!.messages).toEqual([
        lacks ? String.raw`failed: \u017c\u00f3\u0142\u0107 \u00e9 \u00e9 \ud83d\ude00` : `failed: ${TEXT}`,
      ]);
    });

    it('refuses a key that looks as if it were escaped', async () => {
      const error = await rejectionOf(
        app.queue.pushTask({ kind: Echo, payload: {}, externalKey: '\u001aa' }),
      );
      expect(error).toBeInstanceOf(InvalidTaskError);
      expect((error as Error).message).toMatch(/^task\.externalKey: must not begin with U\+001A/);
    });
  },
);
