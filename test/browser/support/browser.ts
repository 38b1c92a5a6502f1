import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';

/** Debian's names for it, and those of others. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Chromium on this machine: what `CHROMIUM` names, else the first of its usual names in the PATH. */
export const chromiumPath = process.env['CHROMIUM'] ?? findProgram(NAMES);

if (!chromiumPath) {
  process.stdout.write('skipped: the tests in a browser, since Chromium is not installed on this machine\n');
}

/** A page, and all that went wrong in it. */
export interface Visit {
  readonly page: Page;
  /** Errors and warnings of the console (violations of the content security policy are among them), uncaught errors, dialogs. */
  readonly faults: readonly string[];
}

export interface TestBrowser {
  visit(url: string, options?: BrowserContextOptions): Promise<Visit>;
  close(): Promise<void>;
}

export async function openBrowser(): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath: chromiumPath!,
    // Chromium's sandbox refuses to work for root.
    chromiumSandbox: process.getuid?.() !== 0,
  });
  return {
    visit: (url, options = {}) => visit(browser, url, options),
    close: () => browser.close(),
  };
}

async function visit(browser: Browser, url: string, options: BrowserContextOptions): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      faults.push(message.text());
    }
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  return { page, faults };
}

/** Presses Tab until this has the focus: whoever has only a keyboard must get there. */
export async function tabTo(page: Page, target: Locator, presses = 60): Promise<void> {
  for (let pressed = 0; pressed < presses; pressed++) {
    await page.keyboard.press('Tab');
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) {
      return;
    }
  }
  throw new Error(`${target} does not get the focus by ${presses} tabs`);
}

/** How far the page is wider than the screen. */
export async function overflowOf(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

function findProgram(names: readonly string[]): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .flatMap((folder) => names.map((name) => path.join(folder, name)))
    .find((file) => existsSync(file));
}
