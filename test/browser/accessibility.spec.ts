import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKind, until } from '../support/index.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { chromiumPath, openBrowser, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';

/** The rules of WCAG 2.2 AA that a machine can judge, contrast among them. */
describe.skipIf(!chromiumPath)('the pages for everybody', () => {
  let database: TestDatabase;
  let shop: DashboardApp;
  let browser: TestBrowser;
  let axe: string;
  let id: string;

  beforeAll(async () => {
    axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    database = await createTestDatabase();
    shop = await startDashboard({ url: database.url });
    browser = await openBrowser();
    const kind = newKind({ name: 'charge-card', maxAttempts: 1 });
    shop.queue.registerKind(kind, async () => {
      throw new Error('out of order');
    });
    id = (await shop.queue.pushTask({ kind, payload: { order: 7 }, externalKey: 'order-7' })).id!;
    await shop.queue.pushTask({ kind, payload: { order: 8 } }, { delay: '1h' });
    await until(async () => (await shop.admin.task(id))?.status === 'no_attempts_left');
    const paused = newKind({ name: 'paused' });
    shop.queue.registerKind(paused, async () => undefined);
    await shop.admin.pause(paused);
  });

  afterAll(async () => {
    await browser.close();
    await shop.close();
    await database.drop();
  });

  const screens = (['light', 'dark'] as const).flatMap((colorScheme) =>
    [1280, 360].map((width) => ({ colorScheme, width })),
  );

  it.each(screens)('keep the rules, $colorScheme and $width pixels wide', async ({ colorScheme, width }) => {
    const { page } = await browser.visit(shop.address, {
      colorScheme,
      viewport: { width, height: 800 },
      // For axe, which is put into the page.
      bypassCSP: true,
    });
    const violations = async () => {
      await page.evaluate(axe);
      const found = await page.evaluate<Violation[]>('axe.run().then(({ violations }) => violations)');
      return found.map((violation) => [violation.id, violation.nodes[0]?.html]);
    };
    await page.getByRole('listitem').filter({ hasText: 'charge-card' }).first().waitFor();
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: 'Retry the tasks of charge-card' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await violations()).toEqual([]);
    await page.goto(`${shop.address}#/tasks`);
    await page.getByRole('link', { name: id, exact: true }).waitFor();
    expect(await violations()).toEqual([]);
    await page.goto(`${shop.address}#/tasks/${id}`);
    await page.locator('.payload').waitFor();
    expect(await violations()).toEqual([]);
    await page.goto(`${shop.address}#/workers`);
    await page.getByText('1 process live').waitFor();
    expect(await violations()).toEqual([]);
  });
});

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}
