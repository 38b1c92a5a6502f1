/** Keeps results as JSON. */
/** @import { Options, Results } from '../types.js' */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url));

/** The results that the documents show. */
export const LATEST = path.join(FOLDER, 'latest.json');

/**
 * Only a run of true sizes, of all contenders, may change what the documents show.
 * @param {Options} options
 * @param {boolean} someContenders
 */
export function targetFile({ quick, profile }, someContenders) {
  if (quick) return path.join(FOLDER, 'quick.json');
  return someContenders || profile ? path.join(FOLDER, 'partial.json') : LATEST;
}

/**
 * The measures of this run, and those of earlier runs that this one has left out.
 * @param {string} file
 * @param {Results} results
 * @returns {Promise<Results>}
 */
export async function mergeResults(file, results) {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (file !== LATEST || text === undefined) return results;
  const earlier = /** @type {Results} */ (JSON.parse(text));
  return { ...results, measures: { ...earlier.measures, ...results.measures } };
}

/** @param {string} file @param {Results} results */
export async function writeResults(file, results) {
  const text = JSON.stringify(results, (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value,
  );
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, await format(text, 'results.json'));
}

/**
 * As the style check wants it.
 * @param {string} text
 * @param {string} name whose ending says what it is
 */
export async function format(text, name) {
  const config = await prettier.resolveConfig(fileURLToPath(import.meta.url));
  return prettier.format(text, { ...config, filepath: name });
}
