import { getDataSourceToken } from '@nestjs/typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueueAdmin } from '../../lib/index.js';
import { cutOff } from '../support/cut-off.js';
import { newKind } from '../support/index.js';
import {
  createShardDatabases,
  dropShardDatabases,
  type ShardDatabases,
  shardedQueue,
} from '../support/sharded-app.js';
import { chromiumPath, openBrowser, overflowOf, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';

const WIDTHS = [360, 1280];

describe.skipIf(!chromiumPath)('the pages of a queue with several shards', () => {
  let databases: ShardDatabases<'eu-1' | 'us-1'>;
  let shop: DashboardApp;
  let browser: TestBrowser;
  let id: string;
  const kind = newKind({ name: 'send-mail' });

  beforeAll(async () => {
    databases = await createShardDatabases('eu-1', 'us-1');
    shop = await startDashboard({
      queue: shardedQueue({ databases, options: { autoStart: false }, shards: { draining: ['us-1'] } }),
    });
    browser = await openBrowser();
    const pushed = await shop.queue.pushTask({ kind, payload: { to: 'ada' } }, { shardKey: 'eu-1/1' });
    id = pushed.id!;
    await shop.app
      .get(getDataSourceToken('us-1'))
      .query(`INSERT INTO pgqueue (kind, payload) VALUES (${kind.kind}, '{"to": "eve"}')`);
  });

  afterAll(async () => {
    await browser.close();
    await shop.close();
    await dropShardDatabases(databases);
  });

  it('lead from a shard to its tasks, and from there to one of them', async () => {
    const { page, faults } = await browser.visit(shop.address);
    const shards = page.getByRole('region', { name: 'Shards' });
    await shards.getByText('1 open, 0 exhausted').first().waitFor();
    expect(await shards.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringMatching(/^eu-1\s+up\s+1 open/),
      expect.stringMatching(/^us-1\s+draining\s+up\s+1 open/),
    ]);
    await shards.getByRole('link', { name: 'eu-1' }).click();
    await page.getByText('1 task, and no more.').waitFor();
    expect(await page.getByLabel('Shard').inputValue()).toBe('eu-1');
    await page.getByRole('link', { name: id, exact: true }).click();
    await page.getByRole('heading', { name: `Task ${id}` }).waitFor();
    await page.getByRole('link', { name: 'eu-1', exact: true }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: `Cancel task ${id}` }).waitFor();
    expect(faults).toEqual([]);
  });

  it.each(WIDTHS)('offer both where a kind is paused in some shards only, on %i pixels', async (width) => {
    const { page } = await browser.visit(shop.address, { viewport: { width, height: 740 } });
    await shop.app
      .get(getDataSourceToken('eu-1'))
      .query(`INSERT INTO pgqueue_pause (kind) VALUES (${kind.kind})`);
    const attention = page.getByRole('region', { name: 'Needs attention' });
    await page.getByText('paused in part').waitFor();
    await attention.getByText(/In shard us-1 it is not: pause it again, or resume it\./).waitFor();
    expect(await overflowOf(page)).toBe(0);
    await attention.getByRole('button', { name: 'Resume send-mail' }).waitFor();
    await attention.getByRole('button', { name: 'Pause send-mail' }).click();
    await page.getByRole('button', { name: 'Pause the kind' }).click();
    await page.getByText('send-mail is paused: no process claims its tasks until it is resumed.').waitFor();
    await page.getByText('paused in part').waitFor({ state: 'detached' });
    expect(await shop.app.get(QueueAdmin).kinds()).toMatchObject([{ kind: kind.kind, unpausedIn: [] }]);
    await shop.app.get(QueueAdmin).resume(kind);
  });

  it.each(WIDTHS)('say which shard is missing while it is down, on %i pixels', async (width) => {
    const { page } = await browser.visit(shop.address, { viewport: { width, height: 740 } });
    await page.getByRole('region', { name: 'Shards' }).waitFor();
    const restore = await cutOff(databases['us-1']);
    const missing = page.getByRole('alert').getByText('Without shard us-1: The database does not answer.');
    try {
      await missing.waitFor();
      await page.getByRole('region', { name: 'Shards' }).getByText('down', { exact: true }).waitFor();
      expect(await overflowOf(page)).toBe(0);
      for (const place of ['tasks', 'workers']) {
        await page.goto(`${shop.address}#/${place}`);
        await missing.waitFor();
        expect(await overflowOf(page)).toBe(0);
      }
      await page.goto(`${shop.address}#/tasks`);
      await page.getByRole('link', { name: id, exact: true }).waitFor();
    } finally {
      await restore();
    }
    await page.goto(shop.address);
    await missing.waitFor({ state: 'detached' });
  });
});
