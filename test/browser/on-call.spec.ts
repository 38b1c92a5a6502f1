import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { noJitter } from '../../lib/index.js';
import { newKind, until } from '../support/index.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { chromiumPath, openBrowser, tabTo, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';

/** What whoever is on call does: find what is stuck, read why, and press the right button. */
describe.skipIf(!chromiumPath)('on call', () => {
  let database: TestDatabase;
  let shop: DashboardApp;
  let browser: TestBrowser;

  beforeAll(async () => {
    database = await createTestDatabase();
    shop = await startDashboard({ url: database.url });
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await shop.close();
    await database.drop();
  });

  /** A kind whose tasks fail until it is mended, and one such task that has no attempt left. */
  async function brokenKind(name: string): Promise<{ id: string; mend: () => void }> {
    let mended = false;
    const kind = newKind({ name, maxAttempts: 1, backoff: noJitter(0) });
    shop.queue.registerKind(kind, async () => {
      if (!mended) {
        throw new Error('the provider is out of order');
      }
    });
    const { id } = await shop.queue.pushTask({ kind, payload: { order: 7 }, externalKey: `${name}-7` });
    await until(async () => (await shop.admin.task(id!))?.status === 'no_attempts_left');
    return { id: id!, mend: () => (mended = true) };
  }

  it('finds a failing task from the overview, reads its error, retries it and sees it succeed', async () => {
    const { id, mend } = await brokenKind('charge-card');
    const { page, faults } = await browser.visit(shop.address);
    const trouble = page.getByRole('listitem').filter({ hasText: 'charge-card' }).first();
    await trouble.getByText('1 task has used up all attempts').waitFor();

    await trouble.getByRole('link', { name: 'See tasks' }).click();
    await page.getByRole('link', { name: id, exact: true }).click();
    await page.getByRole('heading', { name: `Task ${id}` }).waitFor();
    await page.getByText(`Task ${id} (charge-card) has used up its attempts (1)`).waitFor();
    await page.locator('.error-message').getByText('the provider is out of order').waitFor();

    mend();
    await page.getByRole('button', { name: `Retry task ${id}` }).click();
    await page.getByRole('dialog').getByText('get as many as they had').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry task' }).click();
    await page.getByRole('status').getByText('1 task was given new attempts.').waitFor();
    await page.getByText(`Task ${id} (charge-card) has succeeded`).waitFor();
    // At a time as all others of the page, those of this machine.
    expect(await page.locator('.explanation').innerText()).toMatch(/ at \d{1,2} \w+ \d{4}, [\d:]+\.$/);
    expect(faults).toEqual([]);
  });

  it('asks how many tasks an action may change, and changes none when it is left', async () => {
    const { id } = await brokenKind('refund');
    const { page, faults } = await browser.visit(`${shop.address}#/tasks?status=no_attempts_left`);
    await page.getByRole('link', { name: id, exact: true }).waitFor();
    await page.getByRole('button', { name: 'Delete all tasks that the filter means' }).click();
    const question = page.getByRole('dialog', { name: 'Delete all tasks that the filter means?' });
    await question.getByText('No attempts left').waitFor();
    expect(await question.getByRole('spinbutton').inputValue()).toBe('1000');
    await question.getByRole('button', { name: 'Back' }).click();
    await question.waitFor({ state: 'detached' });
    expect((await shop.admin.task(id))?.status).toBe('no_attempts_left');

    await page.getByRole('checkbox', { name: `Select task ${id}` }).check();
    await page.getByRole('button', { name: `Delete task ${id}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete task' }).click();
    await page.getByRole('status').getByText('1 task was deleted.').waitFor();
    await page.getByRole('link', { name: id, exact: true }).waitFor({ state: 'detached' });
    expect(await shop.admin.task(id)).toBeNull();
    expect(faults).toEqual([]);
  });

  it('sees no failure in a task that succeeded at once', async () => {
    const kind = newKind({ name: 'greet' });
    shop.queue.registerKind(kind, async () => undefined);
    const { id } = await shop.queue.pushTask({ kind, payload: 1 });
    await until(async () => (await shop.admin.task(id!))?.status === 'succeeded');
    const { page, faults } = await browser.visit(`${shop.address}#/tasks/${id}`);
    await page.getByText('None: no attempt has failed.').waitFor();
    expect(faults).toEqual([]);
  });

  it('sees the errors of what is tried again, however many other tasks are younger', async () => {
    const flaky = newKind({ name: 'flaky' });
    const [sql, done] = [shop.app.get(DataSource), newKind()];
    await sql.query(
      `INSERT INTO pgqueue (kind, payload, status, messages, run_at) VALUES ($1, '1', 'must_retry', '{the lake is frozen}', now() + interval '1 h')`,
      [flaky.kind],
    );
    await sql.query(
      `INSERT INTO pgqueue (kind, payload, status, finished_at) SELECT $1, '1', 'succeeded', now() FROM generate_series(1, 5500)`,
      [done.kind],
    );
    await sql.query(
      `INSERT INTO pgqueue_activity VALUES (date_trunc('minute', now()), $1, 0, 9, 0, '{}', '{}')`,
      [flaky.kind],
    );
    const { page } = await browser.visit(shop.address);
    await page.getByRole('link', { name: 'See errors' }).click();
    await page.getByText('the lake is frozen').waitFor();
    expect(await page.getByRole('button', { name: 'Search on' }).count()).toBe(0);
  });

  it('works with a keyboard alone', async () => {
    const { id, mend } = await brokenKind('send-mail');
    const { page, faults } = await browser.visit(shop.address);
    await page.getByRole('table').waitFor();
    await tabTo(page, page.getByRole('link', { name: 'Skip to the content' }), 1);
    await page.keyboard.press('/');
    await page.keyboard.type('send-m');
    const link = page.getByRole('table').getByRole('link', { name: 'send-mail', exact: true });
    await tabTo(page, link);
    await page.keyboard.press('Enter');

    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('send-mail-7');
    await page.keyboard.press('Enter');
    await page.waitForURL(/externalKey=send-mail-7/);
    await tabTo(page, page.getByRole('checkbox', { name: `Select task ${id}` }));
    await page.keyboard.press('Space');
    mend();
    await page.keyboard.press('Shift+Tab');
    const retry = page.getByRole('button', { name: `Retry task ${id}` });
    await tabTo(page, retry, 100);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The focus is where it was, and the button that does it has it in the dialog.
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('1 task was given new attempts.').waitFor();
    await until(async () => (await shop.admin.task(id))?.status === 'succeeded');
    expect(faults).toEqual([]);
  });
});
