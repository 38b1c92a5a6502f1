import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKind, until } from '../support/index.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { chromiumPath, openBrowser, overflowOf, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';

const WIDTHS = [360, 768, 1024, 1440];

const ODD_LANGUAGES = ['en-US@posix', 'C', ''];

describe.skipIf(!chromiumPath)('the pages', () => {
  let database: TestDatabase;
  let shop: DashboardApp;
  let browser: TestBrowser;
  /** Of a task with a long name, a long key, a payload of 10,000 characters and a long error. */
  let large: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    shop = await startDashboard({ url: database.url });
    browser = await openBrowser();
    const kind = newKind({ name: 'n'.repeat(LONGEST_NAME), maxAttempts: 1 });
    shop.queue.registerKind(kind, async () => {
      throw new Error('e'.repeat(2000));
    });
    const payload = { text: 'p'.repeat(9000), words: 'many words '.repeat(90) };
    const { id } = await shop.queue.pushTask({ kind, payload, externalKey: 'k'.repeat(LONG_KEY) });
    large = id!;
    await until(async () => (await shop.admin.task(large))?.status === 'no_attempts_left');
    for (let n = 0; n < 50; n++) {
      const other = newKind({ name: `kind-of-many-${n}` });
      shop.queue.registerKind(other, async () => undefined);
    }
  });

  it.each(ODD_LANGUAGES)('are shown by a browser whose language is %j', async (language) => {
    const { page, faults } = await browser.visit('about:blank');
    await page.addInitScript((told) => {
      Object.defineProperty(Navigator.prototype, 'language', { get: () => told });
    }, language);
    await page.goto(shop.address);
    await page.getByRole('heading', { name: 'Attempts per minute' }).waitFor();
    expect(faults).toEqual([]);
  });

  afterAll(async () => {
    await browser.close();
    await shop.close();
    await database.drop();
  });

  it.each(WIDTHS)('fit a screen of %i pixels, with 50 kinds and long texts', async (width) => {
    const { page, faults } = await browser.visit(shop.address, { viewport: { width, height: 740 } });
    await page.getByRole('link', { name: 'kind-of-many-49', exact: true }).waitFor();
    expect(await overflowOf(page)).toBe(0);
    await page.getByRole('button', { name: `Retry the tasks of ${'n'.repeat(LONGEST_NAME)}` }).click();
    await page.getByRole('dialog').waitFor();
    expect(await overflowOf(page)).toBe(0);
    await page.keyboard.press('Escape');

    await page.goto(`${shop.address}#/tasks`);
    await page.getByRole('link', { name: large, exact: true }).waitFor();
    expect(await overflowOf(page)).toBe(0);

    await page.goto(`${shop.address}#/tasks/${large}`);
    await page.locator('.payload').getByText('many words').waitFor();
    expect(await overflowOf(page)).toBe(0);

    await page.goto(`${shop.address}#/workers`);
    await page.getByText('1 process live').waitFor();
    expect(await overflowOf(page)).toBe(0);
    expect(faults).toEqual([]);
  });

  it('keep the filter in the address, and go through it by the browser’s buttons', async () => {
    const { page, faults } = await browser.visit(`${shop.address}#/tasks?status=succeeded`);
    await page.getByText('No tasks match the filter').waitFor();
    await page.getByRole('checkbox', { name: 'Succeeded' }).focus();
    await page.keyboard.press('Space');
    await page.waitForURL((url) => url.hash === '#/tasks');
    // The focus stays where the visitor works.
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Space');
    await page.waitForURL((url) => url.hash === '#/tasks?status=no_attempts_left');
    await page.getByRole('link', { name: large, exact: true }).waitFor();
    await page.getByLabel('Text of the payload').fill('MANY WORDS many');
    await page.keyboard.press('Enter');
    await page.getByText('1 task, and no more.').waitFor();
    expect(new URL(page.url()).hash).toBe('#/tasks?status=no_attempts_left&text=MANY+WORDS+many');
    await page.getByLabel('Text of the payload').fill('nowhere');
    await page.keyboard.press('Enter');
    await page.getByText('No tasks match the filter').waitFor();
    await page.goBack();
    await page.getByText('1 task, and no more.').waitFor();
    expect(await page.getByLabel('Text of the payload').inputValue()).toBe('MANY WORDS many');
    expect(faults).toEqual([]);
  });

  it('follow the colours of the system until others are chosen, and keep these', async () => {
    const { page, faults } = await browser.visit(shop.address, { colorScheme: 'dark' });
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const dark = await ground();
    await page.getByRole('button', { name: 'Use light colours' }).click();
    const light = await ground();
    expect(light).not.toBe(dark);
    await page.reload();
    await page.getByRole('button', { name: 'Use dark colours' }).waitFor();
    expect(await ground()).toBe(light);
    expect(faults).toEqual([]);
  });

  it('say what is wrong with a filter, a task that is not there, and an address that leads nowhere', async () => {
    const { page, faults } = await browser.visit(`${shop.address}#/tasks?id=seven`);
    await page.getByText("must be a task's id").waitFor();
    await page.goto(`${shop.address}#/tasks/999999999`);
    await page.getByText('There is no such task').waitFor();
    await page.goto(`${shop.address}#/elsewhere`);
    await page.getByText('There is no such page').waitFor();
    // The browser itself tells of what was refused.
    expect(faults.filter((fault) => !fault.startsWith('Failed to load resource'))).toEqual([]);
  });

  it('tell that the server is gone, keep what they show, and go on when it is back', async () => {
    const first = await startDashboard({ url: database.url });
    const { page, faults } = await browser.visit(first.address);
    await page.getByText('Live', { exact: true }).waitFor();
    await first.close();
    await page.getByText('Not connected since').waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overflowOf(page)).toBe(0);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole('table').getByText('kind-of-many-7', { exact: true }).waitFor();
    const second = await startDashboard({ url: database.url, port: first.port });
    await page.getByText('Live', { exact: true }).waitFor();
    expect(faults.filter((fault) => !/^Failed to load resource|net::ERR/.test(fault))).toEqual([]);
    await page.context().close();
    await second.close();
  });

  it('tell that the database is away, and show what they know', async () => {
    const { page } = await browser.visit(shop.address);
    await page.getByRole('table').getByText('kind-of-many-7', { exact: true }).waitFor();
    const refusal = JSON.stringify({ message: 'The database does not answer' });
    await page.route('**/api/tasks**', (route) => route.fulfill({ status: 503, body: refusal }));
    await page.getByRole('link', { name: 'Tasks', exact: true }).click();
    await page.getByRole('alert').getByText('The database does not answer').waitFor();
    await page.route('**/api/workers', (route) => route.fulfill({ status: 503, body: refusal }));
    await page.getByRole('link', { name: 'Workers', exact: true }).click();
    await page.getByRole('alert').getByText('The database does not answer.').waitFor();

    await page.route('**/api/overview/stream', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body: `event: trouble\ndata: ${refusal}\n\n` }),
    );
    await page.goto(shop.address);
    await page.reload();
    await page.getByRole('alert').getByText('The database does not answer').waitFor();
    await page.getByText('There is nothing to show yet').waitFor();
    expect(await page.getByRole('table').count()).toBe(0);
  });

  it('ask nothing again in a tab that nobody sees', async () => {
    const { page, faults } = await browser.visit(shop.address);
    await page.getByText('Live', { exact: true }).waitFor();
    const show = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
         document.dispatchEvent(new Event('visibilitychange'));`,
      );
    let asked = 0;
    page.on('request', (request) => (asked += request.url().endsWith('/api/workers') ? 1 : 0));
    await page.clock.install();
    await show(true);
    await page.goto(`${shop.address}#/workers`);
    await page.getByText('1 process live').waitFor();
    await page.clock.runFor('01:00');
    expect(asked).toBe(1);
    await show(false);
    await until(() => asked > 1);
    expect(faults).toEqual([]);
  });

  it('lead on behind a page that was searched in vain', async () => {
    const { page, faults } = await browser.visit(shop.address);
    const pages = [
      { tasks: [], next: 'here', examined: 1000 },
      { tasks: [], next: 'there', examined: 1000 },
    ];
    await page.route('**/api/tasks?*', (route) => {
      const found = pages.shift();
      return found ? route.fulfill({ json: found }) : route.continue({ url: `${shop.address}api/tasks` });
    });
    await page.goto(`${shop.address}#/tasks?text=many`);
    await page.getByText('None found so far, 1,000 looked at.').waitFor();
    await page.getByRole('button', { name: 'Search on' }).click();
    await page.getByText('None found so far, 2,000 looked at.').waitFor();
    await page.getByRole('button', { name: 'Search on' }).click();
    await page.getByRole('link', { name: large, exact: true }).waitFor();
    expect(faults).toEqual([]);
  });

  it('tell that there is nothing yet', async () => {
    const empty = await createTestDatabase();
    const idle = await startDashboard({ url: empty.url });
    const { page, faults } = await browser.visit(idle.address);
    await page.getByText('No tasks, and nobody to run them').waitFor();
    await page.goto(`${idle.address}#/tasks`);
    await page.getByText('There are no tasks').waitFor();
    await page.goto(`${idle.address}#/workers`);
    await page.getByText('No process runs tasks').waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
    await idle.close();
    await empty.drop();
  });
});

const LONGEST_NAME = 200;
const LONG_KEY = 300;
