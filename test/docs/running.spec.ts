import type { DynamicModule, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { afterEach, expect, vi } from 'vitest';
import { LiveQueueModule, queueBehindPgBouncer, QueueSwitch, Settings } from '../../docs/examples/running.js';
import { nextSettled, sendWelcomeOnce } from '../../docs/examples/testing.js';
import { Mailer } from '../../docs/examples/tour/mailer.js';
import { SignUp } from '../../docs/examples/tour/sign-up.js';
import { SendWelcome } from '../../docs/examples/tour/tasks.js';
import { User } from '../../docs/examples/tour/user.entity.js';
import { pgQueueMigrations, QueueService } from '../../lib/index.js';
import { databasePerFile, until } from '../support/index.js';
import { storedTasks } from '../support/queue-app.js';

const { it, database } = databasePerFile({}, {}, { plain: true });

let close: (() => Promise<void>) | undefined;

afterEach(async () => {
  await close?.();
  close = undefined;
});

it('reads the worker count each time: 0 pauses, more goes on', async () => {
  const app = await start(LiveQueueModule);
  const settings = app.get(Settings, { strict: false });
  const queue = app.get(QueueService);
  settings.mailWorkers = 0;
  await app.get(SignUp).register('paused@example.com');
  // Polls have looked at it and left it alone.
  for (let polls = 0; polls < 2; polls++) {
    await new Promise<void>((resolve) => {
      const unsubscribe = queue.subscribe(({ type }) => {
        if (type === 'claimed' || type === 'saturated') {
          unsubscribe();
          resolve();
        }
      });
    });
  }
  expect(await countOf(app.get(DataSource), "status = 'new'")).toBe(1);
  settings.mailWorkers = 1;
  await until(async () => (await countOf(app.get(DataSource), "status = 'succeeded'")) === 1);
});

it('starts and stops at any time', async () => {
  const app = await start(LiveQueueModule);
  const queueSwitch = app.get(QueueSwitch);
  const stopped = Object.assign(new Settings(), { processTasks: false });
  await Promise.all([queueSwitch.onSettingsChanged(stopped), queueSwitch.onSettingsChanged(stopped)]);
  await app.get(SignUp).register('stopped@example.com');
  expect(await countOf(app.get(DataSource), "status = 'new'")).toBe(1);
  await queueSwitch.onSettingsChanged(new Settings());
  await until(async () => (await countOf(app.get(DataSource), "status = 'succeeded'")) === 1);
});

it('needs neither LISTEN nor session settings nor prepared statements behind a pooler', async () => {
  const app = await start(queueBehindPgBouncer);
  await app.get(SignUp).register('pooled@example.com');
  await until(async () => (await countOf(app.get(DataSource), "status = 'succeeded'")) === 1);
  expect(
    await app
      .get(DataSource)
      .query(
        `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`,
      ),
  ).toEqual([]);
});

it('can be tested: a handler by itself, and an attempt in a running application', async () => {
  const app = await start(LiveQueueModule);
  const { id } = await app.get(SignUp).register('tested@example.com');
  const mailer = app.get(Mailer);
  const log = vi.spyOn(mailer['logger'], 'log');
  await sendWelcomeOnce(mailer);
  expect(log).toHaveBeenCalledWith('welcome, paused@example.com (attempt 1)');
  const settled = nextSettled(app.get(QueueService), SendWelcome.name!);
  await app.get(QueueService).pushTask({ kind: SendWelcome, payload: { userId: id } });
  expect(await settled).toMatchObject({ as: 'succeeded', attempt: 1 });
});

async function start(module: DynamicModule | Type) {
  const testing = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url: database.url,
        entities: [User],
        synchronize: true,
        migrations: [...pgQueueMigrations],
        migrationsRun: true,
        retryAttempts: 0,
      }),
      module,
    ],
    providers: [Mailer, SignUp, QueueSwitch],
  })
    .setLogger(false as never)
    .compile();
  const app = await testing.init();
  close = () => app.close();
  await app.get(DataSource).query('TRUNCATE pgqueue');
  return app;
}

const countOf = async (dataSource: DataSource, where: string) =>
  (await storedTasks(dataSource, where)).length;
