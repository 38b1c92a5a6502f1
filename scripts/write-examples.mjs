#!/usr/bin/env node
/**
 * Copies tested code into the documents: `npm run docs:examples`. What stands below a marker such as
 * `<!-- example: docs/examples/transactions.ts#manager -->` is replaced by that file, or by the region of it.
 */
import { readFileSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MARKED_BLOCK = /^<!-- example: (\S+?)(?:#(\S+))? -->\n+```(\w+)\n[^]*?^```$/gm;

/** The documents that may hold code. @returns {string[]} their paths, from the root */
export function documents() {
  return [
    'README.md',
    ...readdirSync(path.join(ROOT, 'docs'))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
}

/**
 * @param {string} markdown
 * @returns {Promise<string>} the same with every marked block as its file has it
 */
export async function withExamples(markdown) {
  let result = '';
  let end = 0;
  for (const match of markdown.matchAll(MARKED_BLOCK)) {
    const [block, file = '', region, language = ''] = match;
    const code = await exampleOf(file, region);
    const marker = `<!-- example: ${file}${region ? `#${region}` : ''} -->`;
    result += `${markdown.slice(end, match.index)}${marker}\n\n\`\`\`${language}\n${code}\`\`\``;
    end = match.index + block.length;
  }
  return result + markdown.slice(end);
}

/**
 * @param {string} file
 * @param {string | undefined} region
 */
async function exampleOf(file, region) {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  return region ? formatted(file, dedent(regionOf(file, text, region))) : text;
}

/**
 * @param {string} file
 * @param {string} text
 * @param {string} region
 */
function regionOf(file, text, region) {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  const last = lines.findIndex((line, index) => index > first && line.trim() === '// #endregion');
  if (first < 0 || last < 0) throw new Error(`${file} has no region "${region}"`);
  return lines.slice(first + 1, last);
}

/** @param {string[]} lines */
function dedent(lines) {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const common = Math.min(...indents);
  return `${lines.map((line) => line.slice(common)).join('\n')}\n`;
}

/**
 * As Prettier formats the block of the document: with less indentation more fits into a line.
 * @param {string} file
 * @param {string} code
 */
async function formatted(file, code) {
  const options = await prettier.resolveConfig(path.join(ROOT, file));
  try {
    return await prettier.format(code, { ...options, filepath: file });
  } catch {
    // A method by itself is no program; Prettier leaves it alone in the document too.
    return code;
  }
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  for (const file of documents()) {
    const markdown = readFileSync(path.join(ROOT, file), 'utf8');
    writeFileSync(path.join(ROOT, file), await withExamples(markdown));
  }
}
