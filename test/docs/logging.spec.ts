import { Logger, Module } from '@nestjs/common';
import { afterAll, expect, vi } from 'vitest';
import { createApp, createPino, Geocoder } from '../../docs/examples/logging.js';
import { databasePerFile, newKind } from '../support/index.js';

const { it, app } = databasePerFile({ app: {} });

afterAll(async () => {
  Logger.overrideLogger(false);
});

it("Nest's lines name the task", async () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const other = await createApp(AppModule);
  let answer: unknown;
  const task = await run(async () => {
    answer = await new Geocoder().locate('Oslo');
  });
  write.mockRestore();
  await other.close();
  expect(answer).toEqual({ address: 'Oslo', userAgent: `shop/1.0 (${task.name})` });
  const line = lines.map((text) => JSON.parse(text)).find(({ message }) => message === 'looking for Oslo');
  expect(line).toMatchObject({ context: 'Geocoder', task });
});

it("pino's lines name the task", async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = createPino({ write: (line) => void lines.push(JSON.parse(line)) });
  logger.info('outside');
  const task = await run(() => logger.info('inside'));
  expect(lines).toMatchObject([{ msg: 'outside' }, { msg: 'inside', task }]);
  expect(lines[0]).not.toHaveProperty('task');
});

@Module({})
class AppModule {}

/** Runs one task by this handler. */
async function run(handler: () => unknown) {
  const definition = newKind();
  const events = app.recordEvents();
  app.queue.registerKind(definition, handler);
  const { id } = await app.queue.pushTask({ kind: definition, payload: null });
  expect(await events.first('attempt-settled')).toMatchObject({ id, as: 'succeeded' });
  return { kind: definition.kind, name: definition.name, id, attempt: 1 };
}
