// Takes the pictures of docs/dashboard: `npm run build && npm run docs:screenshots`, with Chromium in the PATH or in CHROMIUM.
import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { chromium } from 'playwright-core';
import { PgQueueDashboardModule } from '../../dist/lib/dashboard/index.js';
import { PgQueueModule, pgQueueMigrations, QueueService } from '../../dist/lib/index.js';
import { fillQueue } from './filled-queue.mjs';
import { numberOf } from './kinds.mjs';

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

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env['DATABASE_URL'],
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
    }),
    PgQueueModule.forRoot({ autoStart: false }),
    PgQueueDashboardModule.forRoot({ authorize: () => true }),
  ],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
// No process of the pictures handles this kind, and so none could tell its name.
app.get(QueueService).registerKind(numberOf('export-report'), async () => {}, {
  name: 'export-report',
  attemptTimeout: '1m',
  backoff: () => 0,
});
await app.listen(0, '127.0.0.1');
const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
const id = await fillQueue(client);
await client.end();
await mkdir(FOLDER, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  chromiumSandbox: process.getuid?.() !== 0,
});
for (const picture of pictures(id)) {
  await take(picture);
}
shrink(pictures(id).map(({ name }) => fileOf(name)));
await browser.close();
await app.close();

/** @param {Picture} picture */
async function take({ name, hash, theme, size = DESKTOP, before }) {
  const page = await browser.newPage({ viewport: size, colorScheme: theme });
  await page.goto(`${await app.getUrl()}/pgqueue/${hash}`);
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
