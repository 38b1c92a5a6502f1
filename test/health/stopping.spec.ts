import { expect } from 'vitest';
import { PgQueueHealthIndicator } from '../../lib/index.js';
import { databasePerTest, deferred, newKind } from '../support/index.js';

const { it, app } = databasePerTest({ app: {} });

it('readiness is down from the first moment of a stop, while handlers go on', async () => {
  const end = await runs();
  expect(await health()).toMatchObject({ status: 'up', processing: true });
  const stopping = app.queue.stop();
  expect(await health()).toEqual({
    status: 'down',
    processing: false,
    message: 'processing is being stopped',
  });
  end();
  await stopping;
  expect(await health()).toMatchObject({ status: 'down', message: 'processing is stopped' });
  await app.queue.start();
  expect(await health()).toMatchObject({ status: 'up', processing: true });
});

it('readiness is down from the first moment of a shutdown, while handlers go on', async () => {
  const end = await runs();
  const closing = app.app.close();
  // Nest calls the hooks in a turn of its own.
  await Promise.resolve().then(() => undefined);
  await new Promise(setImmediate);
  expect(await health()).toEqual({
    status: 'down',
    processing: false,
    message: 'the application is shutting down',
  });
  end();
  await closing;
});

it('readiness is down while a process shuts down that only pushes', async () => {
  expect(await health()).toEqual({ status: 'up', processing: false });
  await app.app.close();
  expect(await health()).toMatchObject({ status: 'down', message: 'the application is shutting down' });
});

const health = async () => (await app.get(PgQueueHealthIndicator).isHealthy()).pgqueue;

/** A task whose handler runs until the gate opens. */
async function runs(): Promise<() => void> {
  const definition = newKind();
  const [begun, gate] = [deferred(), deferred()];
  app.queue.registerKind(definition, () => {
    begun.resolve();
    return gate.promise;
  });
  await app.queue.pushTask({ kind: definition, payload: null });
  await begun.promise;
  return gate.resolve;
}
