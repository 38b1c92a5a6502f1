/** @import { Results } from '../types.js' */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawCharts } from './charts.mjs';
import { markdownOf } from './markdown.mjs';
import { format, LATEST } from './results.mjs';
import { say } from '../harness/runner.mjs';
import { targetsOf } from './targets.mjs';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const GENERATED = /(<!-- benchmarks: begin.*-->\n)[^]*(\n<!-- benchmarks: end -->)/;

/**
 * Writes tables and charts: into docs/ for the results that are shown there, else beside the results.
 * @param {string} file of the results
 * @param {Results} results
 */
export async function report(file, results) {
  const shown = file === LATEST;
  const charts = shown ? path.join(DOCS, 'charts') : file.replace(/\.json$/, '-charts');
  const page = shown ? path.join(DOCS, 'benchmarks.md') : file.replace(/\.json$/, '.md');
  await mkdir(charts, { recursive: true });

  /** @type {Record<string, string>} */
  const links = {};
  for (const [name, svg] of Object.entries(await drawCharts(results))) {
    const chart = path.join(charts, `${name}.svg`);
    await writeFile(chart, `${svg}\n`);
    links[name] = path.relative(path.dirname(page), chart);
  }
  const generated = markdownOf(results, links);
  const text = shown ? await between(page, generated) : generated;
  await writeFile(page, await format(text, page));

  for (const { name, value, target, met } of targetsOf(results)) {
    say(`${met ? 'met   ' : 'MISSED'} ${name}: ${value} (${target})`);
  }
  say(
    `\nWritten: ${[file, page, charts].map((written) => path.relative(process.cwd(), written)).join(', ')}`,
  );
}

/** @param {string} page @param {string} generated */
async function between(page, generated) {
  const text = await readFile(page, 'utf8');
  if (!GENERATED.test(text)) throw new Error(`${page} has lost the marks of its generated section`);
  // A function, because the text may hold what a replacement gives a meaning to.
  return text.replace(GENERATED, (_, begin, end) => `${begin}\n${generated}${end}`);
}
