/**
 * Prints how the repository is built: its rooms (a folder or a file at the top of the repository, and of lib/), the imports between
 * them, and the sizes of the files of lib/. Tests and examples are left out.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cruise } from 'dependency-cruiser';

const { options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const FOLDERS = ['lib', 'migrations', 'dashboard', 'sample/src', 'scripts', 'bench'];
const LEFT_OUT = /^(test|docs|node_modules|dist)\/|\/(node_modules|dist)\//;

/** @param {string} file */
const roomOf = (file) => {
  const parts = file.split('/');
  return parts.slice(0, parts[0] === 'lib' ? 2 : 1).join('/');
};

const { output } = await cruise(FOLDERS, {
  ...options,
  exclude: { path: LEFT_OUT.source },
});
const { modules } = /** @type {import('dependency-cruiser').ICruiseResult} */ (output);
const files = modules.filter(({ source }) => FOLDERS.some((folder) => source.startsWith(`${folder}/`)));

/** @type {Map<string, Set<string>>} */
const importsOf = new Map(files.map(({ source }) => [roomOf(source), new Set()]));
for (const { source, dependencies } of files) {
  for (const { resolved } of dependencies) {
    const [from, to] = [roomOf(source), roomOf(resolved)];
    if (from !== to && importsOf.has(to)) {
      importsOf.get(from)?.add(to);
    }
  }
}
const circles = [...importsOf].filter(([room]) => reachable(room).has(room));

/** @param {string} room */
function reachable(room) {
  /** @type {Set<string>} */
  const found = new Set();
  const left = [...(importsOf.get(room) ?? [])];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (!found.has(next)) {
      found.add(next);
      left.push(...(importsOf.get(next) ?? []));
    }
  }
  return found;
}

const texts = await Promise.all(
  files.filter(({ source }) => source.startsWith('lib/')).map(({ source }) => readFile(source, 'utf8')),
);
const lengths = texts.map((text) => text.split('\n').length - 1).toSorted((a, b) => a - b);

console.table({
  rooms: importsOf.size,
  'imports between rooms': [...importsOf.values()].reduce((sum, { size }) => sum + size, 0),
  'rooms in a circle': circles.length,
  'files of lib/': lengths.length,
  'of these with "shard"': texts.filter((text) => /shard/i.test(text)).length,
  'lines of lib/': lengths.reduce((sum, lines) => sum + lines, 0),
  'median file': lengths[Math.floor(lengths.length / 2)],
  'longest file': lengths.at(-1),
});
if (process.argv.includes('--imports')) {
  console.table(Object.fromEntries([...importsOf].map(([room, to]) => [room, [...to].join(' ')])));
}
