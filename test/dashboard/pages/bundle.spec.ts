import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const BUILT = 'dist/dashboard';
const SOURCES = 'dashboard/src';

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => {
    throw new Error(`${folder} is missing: run \`npm run build\` before the tests, as \`make test\` does`);
  });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

describe('the built pages', () => {
  it('are small: with everything, 60 kB as they are sent', async () => {
    const files = await filesIn(BUILT);
    const sizes = await Promise.all(files.map(async (file) => gzipSync(await readFile(file)).length));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(60_000);
  });

  it('load nothing from elsewhere, and have nothing inline', async () => {
    const index = await readFile(path.join(BUILT, 'index.html'), 'utf8');
    expect(index.match(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/gi)).toBeNull();
    const places = [...index.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, place]) => place!);
    expect(places.length).toBeGreaterThan(0);
    expect(places.filter((place) => !place.startsWith('./assets/'))).toEqual([]);
    for (const file of await filesIn(BUILT)) {
      const text = await readFile(file, 'utf8');
      expect(text.match(/@import|url\(\s*["']?(?:https?:|data:|\/)|fetch\(["'`](?:https?:|\/)/)).toBeNull();
    }
  });

  it('never take a value for markup', async () => {
    const files = await filesIn(SOURCES);
    expect(files.length).toBeGreaterThan(0);
    const taking =
      /dangerouslySetInnerHTML|(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function/;
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    expect(files.filter((_, index) => taking.test(texts[index]!))).toEqual([]);
  });
});
