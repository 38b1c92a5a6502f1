import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { EncryptedPayloads } from '../../docs/examples/payload-codec.js';
import { defineTask, noJitter, QueueAdmin, TaskPayloadError } from '../../lib/index.js';
import { databasePerFile, until } from '../support/index.js';

const keys = new Map([
  ['old', randomBytes(32)],
  ['new', randomBytes(32)],
]);

const { it, app } = databasePerFile({
  app: () => ({
    options: { codec: new EncryptedPayloads(keys, 'new'), autoStart: false, maxPayloadBytes: 1000 },
  }),
});

it('stores no plain payload, and gives the handler what was pushed, by older keys too', async () => {
  const seen: unknown[] = [];
  app.queue.registerKind(Secret, (task) => void seen.push(task.payload));
  app.queue.registerKind(Plain, (task) => void seen.push(task.payload));
  app.queue.registerKind(Broken, () => undefined);
  const { id } = await app.queue.pushTask({ kind: Secret, payload: { card: 'CANARY' }, externalKey: 'a' });
  const old = new EncryptedPayloads(keys, 'old').encode('{"card":"OLD"}', { kind: 1, externalKey: null });
  await app.dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES (1, $1), (1, '{"card":"BEFORE"}')`, [
    JSON.stringify({ 'pgqueue.encoded': old }),
  ]);
  const alike = { other: 1, 'pgqueue.encoded': 'plain' };
  await app.queue.pushTask({ kind: Plain, payload: 'plain' });
  await app.queue.pushTask({ kind: Plain, payload: alike });
  expect(JSON.stringify(await app.stored())).not.toContain('CANARY');
  const admin = app.app.get(QueueAdmin, { strict: false });
  expect(JSON.stringify((await admin.task(id!))!.payload)).not.toContain('CANARY');
  expect((await admin.task(id!, { decoded: true }))!.payload).toEqual({ card: 'CANARY' });
  await app.queue.pushTask({ kind: Broken, payload: 1 });
  await app.queue.start();
  await until(async () => seen.length === 5);
  expect(seen).toEqual(
    expect.arrayContaining([{ card: 'CANARY' }, { card: 'OLD' }, { card: 'BEFORE' }, 'plain', alike]),
  );
  await until(async () => {
    const [row] = await app.dataSource.query('SELECT status, messages FROM pgqueue WHERE kind = 3');
    return row.status === 'no_attempts_left' && /decoded to a text that is no JSON/.test(row.messages[0]);
  });
});

it('bounds the encoded text', async () => {
  await expect(app.queue.pushTask({ kind: Secret, payload: 'x'.repeat(900) })).rejects.toThrow('1000 bytes');
});

it('refuses a plain payload that looks encoded, a wrong codec, and says that encoding failed', async () => {
  const look = { 'pgqueue.encoded': 'x' };
  await expect(app.queue.pushTask({ kind: Plain, payload: look })).rejects.toThrow('look like');
  const wrong = defineTask({ kind: 4, codec: {} as never });
  await expect(app.queue.pushTask({ kind: wrong, payload: 1 })).rejects.toThrow('encode and decode');
  const failing = defineTask({
    kind: 5,
    codec: { encode: () => Promise.reject(new Error('no key')), decode: (text) => text },
  });
  const error = await app.queue.pushTask({ kind: failing, payload: 1 }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TaskPayloadError);
  expect(String(error)).toContain('no key');
});

const options = { attemptTimeout: 5000, backoff: noJitter(50), maxAttempts: 1 };
const Secret = defineTask<unknown>({ kind: 1, name: 'secret', ...options });
const Plain = defineTask<unknown>({ kind: 2, name: 'plain', codec: null, ...options });
const Broken = defineTask<unknown>({
  kind: 3,
  name: 'broken',
  codec: { encode: (json) => json, decode: async () => '{"half' },
  ...options,
});
