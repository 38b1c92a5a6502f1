// Takes the pictures of docs/dashboard: `npm run build && npm run docs:screenshots`, with Chromium in the PATH or in CHROMIUM.
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { openQueue, openShards } from './queue-apps.mjs';

const FOLDER = new URL('../../docs/dashboard/', import.meta.url);
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

/**
 * @typedef {import('playwright-core').Page} Page
 * @typedef {object} Picture
 * @property {string} name
 * @property {string} hash where in the dashboard
 * @property {'light' | 'dark'} theme
 * @property {{ width: number, height: number }} [size] a desktop's by default
 * @property {(page: Page) => Promise<unknown>} [before] what to do first
 */

/** @param {string} id @returns {Picture[]} */
const pictures = (id) => [
  { name: 'overview-light', hash: '#/', theme: 'light' },
  { name: 'overview-dark', hash: '#/', theme: 'dark' },
  { name: 'kinds-light', hash: '#/', theme: 'light', before: showKinds },
  { name: 'tasks-light', hash: '#/tasks?kind=1&status=must_retry,no_attempts_left', theme: 'light' },
  { name: 'retry-dark', hash: '#/tasks?kind=1&status=no_attempts_left', theme: 'dark', before: askToRetry },
  { name: 'task-light', hash: `#/tasks/${id}`, theme: 'light' },
  { name: 'task-dark', hash: `#/tasks/${id}`, theme: 'dark' },
  { name: 'workers-light', hash: '#/workers', theme: 'light' },
  { name: 'workers-dark', hash: '#/workers', theme: 'dark' },
  { name: 'phone', hash: '#/', theme: 'light', size: PHONE },
  { name: 'phone-task', hash: `#/tasks/${id}`, theme: 'dark', size: PHONE },
];

/** @type {Picture[]} */
const ofShards = [
  { name: 'shards-light', hash: '#/', theme: 'light' },
  { name: 'shards-workers-dark', hash: '#/workers', theme: 'dark' },
];

const url = process.env['DATABASE_URL'] ?? '';
const [queue, shards] = [await openQueue(url), await openShards(url)];
await mkdir(FOLDER, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  chromiumSandbox: process.getuid?.() !== 0,
});
for (const picture of pictures(queue.id)) await take(queue.address, picture);
for (const picture of ofShards) await take(shards.address, picture);
shrink([...pictures(queue.id), ...ofShards].map(({ name }) => fileOf(name)));
await browser.close();
await queue.close();
await shards.close();

/**
 * @param {string} address
 * @param {Picture} picture
 */
async function take(address, { name, hash, theme, size = DESKTOP, before }) {
  const page = await browser.newPage({ viewport: size, colorScheme: theme });
  await page.goto(`${address}${hash}`);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.locator('[aria-busy=true]').waitFor({ state: 'detached' });
  await before?.(page);
  await page.screenshot({
    path: fileOf(name),
    animations: 'disabled',
    caret: 'hide',
  });
  await page.close();
}

/** @param {string} name */
function fileOf(name) {
  return fileURLToPath(new URL(`${name}.png`, FOLDER));
}

/**
 * To a third: 256 colours are enough for these pictures.
 * @param {string[]} files
 */
function shrink(files) {
  const { error } = spawnSync('pngquant', ['--force', '--ext', '.png', '--skip-if-larger', ...files]);
  if (error) {
    process.stdout.write('the pictures are three times as large as with pngquant, which is not installed\n');
  }
}

/** @param {Page} page */
async function showKinds(page) {
  await page.evaluate(`document.querySelector('.kinds').closest('.panel').scrollIntoView()`);
}

/** @param {Page} page */
async function askToRetry(page) {
  await page.getByRole('button', { name: 'Retry all tasks that the filter means' }).click();
  await page.getByRole('dialog').waitFor();
}
