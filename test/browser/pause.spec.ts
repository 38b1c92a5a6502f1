import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChildApp, type ChildApps, compileApps } from '../support/child-app.js';
import { until } from '../support/index.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { chromiumPath, openBrowser, type TestBrowser } from './support/browser.js';
import { type DashboardApp, startDashboard } from './support/dashboard-app.js';
import { LETTERS, PARCELS } from './support/two-kinds.js';

describe.skipIf(!chromiumPath)('a pause by the dashboard', () => {
  let database: TestDatabase;
  let apps: ChildApps;
  let office: DashboardApp;
  let workers: ChildApp[];
  let browser: TestBrowser;

  beforeAll(async () => {
    database = await createTestDatabase();
    // It shows the queue, and handles nothing itself.
    office = await startDashboard({ url: database.url });
    apps = await compileApps('test/browser/support/worker-app.ts', 'test/browser/support/two-kinds.ts');
    const env = { DATABASE_URL: database.url };
    workers = [1, 2].map(() => apps.start('test/browser/support/worker-app.ts', env));
    await Promise.all(workers.map((worker) => worker.writes('ready')));
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await apps.close();
    await office.close();
    await database.drop();
  });

  const push = (kind: typeof PARCELS) =>
    office.queue.pushTasks(Array.from({ length: BATCH }, (_, payload) => ({ kind, payload })));
  const ran = (what: string) => workers.reduce((sum, worker) => sum + ranBy(worker, what), 0);

  it('stops the kind in two processes, and a resume lets both go on', async () => {
    const { page, faults } = await browser.visit(office.address);
    const row = page.getByRole('row').filter({ hasText: 'parcels' });
    await row.getByText('2 processes').waitFor();
    await push(PARCELS);
    await until(() => ran('parcel ') === BATCH && workers.every((worker) => ranBy(worker, 'parcel ') > 0));

    await row.getByRole('button', { name: 'Pause parcels' }).click();
    await page.getByRole('dialog').getByText('No process in the whole cluster claims its tasks').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause the kind' }).click();
    await page.getByRole('status').getByText('parcels is paused').waitFor();
    await row.getByText('paused').waitFor();
    await Promise.all(workers.map((worker) => worker.writes('kind-paused parcels')));

    await push(PARCELS);
    // The others are claimed by the same processes after them: these were passed over.
    await push(LETTERS);
    await until(() => ran('letter ') === BATCH);
    expect(ran('parcel ')).toBe(BATCH);
    await row.getByRole('link', { name: `${BATCH} New, parcels` }).waitFor();

    await row.getByRole('button', { name: 'Resume parcels' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume the kind' }).click();
    await page.getByRole('status').getByText('parcels is resumed').waitFor();
    await until(() => ran('parcel ') === 2 * BATCH);
    await row.getByText('paused').waitFor({ state: 'detached' });
    expect(faults).toEqual([]);
  });

  it('shows both processes, and marks them when they are killed', async () => {
    const { page, faults } = await browser.visit(`${office.address}#/workers`);
    await page.getByText('2 processes live').waitFor();
    // Nobody is left to declare them dead and to clear away after them.
    workers.forEach((worker) => worker.process.kill('SIGKILL'));
    await page.getByText('2 lost').waitFor();
    expect(await page.getByText('lost, silent for').count()).toBe(2);
    expect(faults).toEqual([]);
  });
});

const BATCH = 40;

/** How often a process has written this at the beginning of a line. */
function ranBy(worker: ChildApp, what: string): number {
  return worker.output().match(new RegExp(`^${what}`, 'gm'))?.length ?? 0;
}
