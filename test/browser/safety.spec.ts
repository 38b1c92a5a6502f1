import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Authorization } from '../../lib/dashboard/index.js';
import { newKind, until } from '../support/index.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { chromiumPath, openBrowser, overflowOf, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';

describe.skipIf(!chromiumPath)('what the pages give away', () => {
  let database: TestDatabase;
  let shop: DashboardApp;
  let browser: TestBrowser;
  let access: Authorization = true;

  beforeAll(async () => {
    database = await createTestDatabase();
    shop = await startDashboard({ url: database.url, dashboard: { authorize: () => access } });
    browser = await openBrowser();
  });

  afterEach(() => {
    access = true;
  });

  afterAll(async () => {
    await browser.close();
    await shop.close();
    await database.drop();
  });

  async function failed(name: string, payload: unknown, externalKey: string): Promise<string> {
    const kind = newKind({ name, maxAttempts: 1 });
    shop.queue.registerKind(kind, async () => {
      throw new Error(MARKUP);
    });
    const { id } = await shop.queue.pushTask({ kind, payload, externalKey });
    await until(async () => (await shop.admin.task(id!))?.status === 'no_attempts_left');
    return id!;
  }

  it('shows markup and script of names, keys, payloads and errors as text', async () => {
    const id = await failed(MARKUP, { [MARKUP]: MARKUP }, MARKUP);
    const { page, faults } = await browser.visit(shop.address);
    await page.getByRole('row').filter({ hasText: MARKUP }).waitFor();
    expect(await page.locator('main img, main script, main b').count()).toBe(0);

    await page.goto(`${shop.address}#/tasks`);
    const row = page.getByRole('row').filter({ hasText: id });
    await row.getByTitle(MARKUP, { exact: true }).waitFor();
    await row.locator('.preview-error').getByText(MARKUP).waitFor();

    await page.goto(`${shop.address}#/tasks/${id}`);
    await page.locator('.error-message').getByText(MARKUP).waitFor();
    expect(JSON.parse((await page.locator('.payload').textContent())!)).toEqual({ [MARKUP]: MARKUP });
    expect(await page.locator('main img, main script, main b').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('gives nothing to a visitor who is not let in', async () => {
    access = false;
    const files = await readdir('dist/dashboard/assets');
    for (const place of ['', 'index.html', ...files.map((file) => `assets/${file}`), 'api/session']) {
      const { page } = await browser.visit(shop.address + place);
      expect(await page.locator('body').innerText()).toBe('{"message":"Forbidden"}');
      expect(await page.title()).toBe('');
      await page.context().close();
    }
  });

  it('shows nothing more once a visitor is not let in any longer', async () => {
    const { page } = await browser.visit(`${shop.address}#/workers`);
    await page.getByRole('heading', { name: 'Workers' }).waitFor();
    access = false;
    await page.getByText('You may not see this').waitFor();
    expect(await page.getByRole('navigation').count()).toBe(0);
  });

  it('has no buttons that change something for a visitor who may only look', async () => {
    const id = await failed('looked-at', { secret: 1 }, 'looked-at-1');
    access = 'read-only';
    const { page, faults } = await browser.visit(`${shop.address}#/tasks/${id}`);
    await page.getByText('Read-only').waitFor();
    await page.locator('.payload').waitFor();
    expect(await page.getByRole('button', { name: /Retry|Delete|Cancel|Run now/ }).count()).toBe(0);
    await page.goto(`${shop.address}#/tasks`);
    await page.getByRole('link', { name: id, exact: true }).waitFor();
    expect(await page.getByRole('checkbox', { name: /Select/ }).count()).toBe(0);
    await page.goto(`${shop.address}#/`);
    await page.getByRole('table').waitFor();
    expect(await page.getByRole('button', { name: /Pause|Retry/ }).count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('has them for the kinds that a visitor may change, and says who he is', async () => {
    const [mine, other] = [await failed('may-change', 1, 'mine'), await failed('may-see', 1, 'other')];
    access = { user: 'Ada Lovelace', view: true, act: [(await shop.admin.task(mine))!.kind] };
    const { page, faults } = await browser.visit(`${shop.address}#/tasks/${mine}`);
    await page.getByText('Ada Lovelace').waitFor();
    await page.getByRole('button', { name: `Retry task ${mine}` }).waitFor();
    await page.goto(`${shop.address}#/tasks/${other}`);
    await page.getByRole('heading', { name: `Task ${other}` }).waitFor();
    await page.locator('.payload').waitFor();
    expect(await page.getByRole('button', { name: /Retry|Delete|Cancel|Run now/ }).count()).toBe(0);
    await page.goto(`${shop.address}#/`);
    await page.getByRole('button', { name: 'Pause may-change' }).waitFor();
    expect(await page.getByRole('button', { name: 'Pause may-see' }).count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('says so on a phone too, where there is little room for it', async () => {
    const id = await failed('looked-at-on-a-phone', 1, 'phone-1');
    access = 'read-only';
    const { page, faults } = await browser.visit(shop.address, { viewport: { width: 360, height: 740 } });
    for (const place of ['', '#/tasks', `#/tasks/${id}`, '#/workers']) {
      await page.goto(shop.address + place);
      await page.getByText('Live', { exact: true }).waitFor();
      await page.getByText('You may look, but change nothing').waitFor();
      expect([place, await overflowOf(page)]).toEqual([place, 0]);
    }
    expect(faults).toEqual([]);
  });

  it('shows what is redacted of payloads nowhere, and offers no search for it', async () => {
    const id = await failed('secretive', { card: '4111', amount: 12 }, 'secretive-1');
    const discreet = await startDashboard({ url: database.url, dashboard: { redact: ['card'] } });
    try {
      const { page, faults } = await browser.visit(`${discreet.address}#/tasks/${id}`);
      await page.locator('.payload').getByText('[redacted]').waitFor();
      await page.getByRole('link', { name: 'Tasks', exact: true }).click();
      await page.getByRole('link', { name: id, exact: true }).waitFor();
      expect(await page.getByLabel('Text of the payload').count()).toBe(0);
      expect(await page.locator('body').innerText()).not.toContain('4111');
      expect(faults).toEqual([]);
    } finally {
      await discreet.close();
    }
  });
});

const MARKUP = `<img src=x onerror="alert(1)"><script>alert(2)</script><b>bold</b>"'&lt;`;
