import { PgQueueModule, pgQueueMigrations } from '../../lib/index.js';
import { TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { ask } from '../faults/support/side-tables.mjs';
import { startStandby } from '../faults/support/standby.mjs';
import { chromiumPath, openBrowser, overflowOf, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';

describe.skipIf(!chromiumPath)('the overview of a queue that is read from a replica', () => {
  let primary: EmbeddedPostgres;
  let standby: EmbeddedPostgres;
  let shop: DashboardApp;
  let browser: TestBrowser;

  beforeAll(async () => {
    const settings = { wal_level: 'replica' };
    primary = await EmbeddedPostgres.start(settings);
    const started = await startStandby(primary, settings);
    standby = started.standby;
    shop = await startDashboard({
      queue: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          replication: { master: { url: primary.url }, slaves: [{ url: started.url }] },
          migrations: [...pgQueueMigrations],
          migrationsRun: true,
          retryAttempts: 0,
        }),
        PgQueueModule.forRoot({ readFrom: 'replica', autoStart: false }),
      ],
    });
    browser = await openBrowser();
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    await shop.close();
    await primary.stop();
    await standby.stop();
  });

  it('says how old its figures may be, and does not call a lost process nothing', async () => {
    const { page, faults } = await browser.visit(shop.address, { viewport: { width: 360, height: 740 } });
    await page.getByText(/^Tasks and attempts: read from a replica, at most .* old$/).waitFor();
    await ask(primary.url, 'INSERT INTO pgqueue_pause (kind) VALUES (1)');
    await page.getByText('Nothing needs attention').waitFor();
    await ask(
      primary.url,
      "INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('gone', now() - interval '1 hour')",
    );
    await page.getByText('1 worker process has fallen silent.').waitFor();
    expect(await page.getByText('Nothing needs attention').count()).toBe(0);
    expect(await overflowOf(page)).toBe(0);
    expect(faults).toEqual([]);
  });
});
