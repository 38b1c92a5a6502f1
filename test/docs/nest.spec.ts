import { expect, vi } from 'vitest';
import { ImportFile } from '../../docs/examples/handlers.js';
import { AttemptLog, ImportLog, LoggedImporter } from '../../docs/examples/nest.js';
import { databasePerFile } from '../support/index.js';

const { it, app } = databasePerFile({ app: { providers: [AttemptLog, ImportLog, LoggedImporter] } });

it('runs each task by an instance of its own, with the interceptor around it', async () => {
  const log = vi.spyOn(AttemptLog.prototype, 'intercept');
  const events = app.recordEvents();
  const pushed = await app.queue.pushTasks(
    ['http://a.test/', 'http://b.test/'].map((url) => ({ kind: ImportFile, payload: { url } })),
  );
  for (const { id } of pushed) {
    expect(await events.first('attempt-settled', (event) => event.id === id)).toMatchObject({
      as: 'succeeded',
    });
  }
  expect(log).toHaveBeenCalledTimes(2);
});
