#!/usr/bin/env node
/** Fails when a string of lib/ outside of lib/storage/ holds SQL, which has its place there and in migrations/. */
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ANYWHERE = /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER)\b/;
const AT_START = /^\s*(WITH|DROP|TRUNCATE|LOCK|LISTEN|UNLISTEN|NOTIFY|BEGIN|COMMIT|ROLLBACK|SET|VACUUM)\b/;

/**
 * @param {ts.Node} node
 * @returns {string | undefined} the text of a string, or of what is fixed in a template
 */
function textOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head, ...node.templateSpans.map((span) => span.literal)].map((part) => part.text).join('${}');
}

/**
 * @param {string} file for the messages
 * @param {string} code
 * @returns {string[]} a message for each string with SQL
 */
export function findSql(file, code) {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
  /** @type {string[]} */
  const found = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    const text = textOf(node);
    const match = text === undefined ? null : (ANYWHERE.exec(text) ?? AT_START.exec(text));
    if (match) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${file}:${line + 1}: ${match[1]} in a string; SQL belongs into lib/storage/`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** @param {string} folder */
function main(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file.split(path.sep)[0] !== 'storage')
    .map((file) => path.join(folder, file));
  const problems = files.flatMap((file) => findSql(file, readFileSync(file, 'utf8')));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) main('lib');
