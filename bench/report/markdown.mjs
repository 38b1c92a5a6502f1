/** @import { Column, EntryResult, Measure, MeasureResult, Results } from '../types.js' */
import { MEASURES } from '../measures/index.mjs';
import { targetsOf } from './targets.mjs';

/**
 * @param {Results} results
 * @param {Record<string, string>} charts links, by measure
 */
export function markdownOf(results, charts) {
  const sections = MEASURES.flatMap((measure) => {
    const result = results.measures[measure.name];
    return result ? [sectionOf(measure, result, charts[measure.name])] : [];
  });
  return [
    '## Machine, versions and settings',
    table(
      ['', ''],
      Object.entries({ ...results.machine, ...results.versions }).map(([name, value]) => [name, `${value}`]),
    ),
    table(['server', 'settings that are not the default'], Object.entries(results.settings)),
    table(
      ['contender', 'configuration', 'which is'],
      Object.entries(results.configurations).flatMap(([contender, configurations]) =>
        Object.entries(configurations).map(([name, text]) => [contender, name, text]),
      ),
    ),
    '## In short',
    table(
      ['measure', 'figure', 'goal'],
      targetsOf(results).map(({ name, value, target, met }) => [
        name,
        value,
        met ? target : `${target}: missed`,
      ]),
    ),
    ...sections,
    '',
  ].join('\n\n');
}

/**
 * @param {Measure} measure
 * @param {MeasureResult} result
 * @param {string | undefined} chart
 */
function sectionOf({ title, about, columns, variantTitle, quoted = {} }, { entries, at, parameters }, chart) {
  const rows = Object.values(entries).map((entry) => rowOf(entry, columns, variantTitle !== undefined));
  const columnCount = columns.length + (variantTitle ? 2 : 1);
  for (const [contender, text] of Object.entries(quoted)) {
    rows.push([
      contender,
      ...(variantTitle ? [''] : []),
      text,
      ...Array.from({ length: columns.length - 1 }, () => ''),
    ]);
  }
  const sizes = Object.entries(parameters).map(
    ([name, value]) => `${inWords(name)} ${value.toLocaleString('en')}`,
  );
  return [
    `## ${title}`,
    about,
    ...(chart ? [`![${title}](${chart})`] : []),
    table(
      ['', ...(variantTitle ? [variantTitle] : []), ...columns.map((column) => column.title)],
      rows,
      columnCount - columns.length,
    ),
    `Median (lowest to highest) of ${repetitionsOf(entries)}; measured ${at.slice(0, 10)}; ${sizes.join(', ')}.`,
  ].join('\n\n');
}

/** @param {string} name */
function inWords(name) {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** @param {Record<string, EntryResult>} entries */
function repetitionsOf(entries) {
  const counts = [...new Set(Object.values(entries).map(({ runs }) => runs.length))].toSorted();
  return `${counts.join(' to ')} ${counts.length === 1 && counts[0] === 1 ? 'run' : 'runs'}`;
}

/**
 * @param {EntryResult} result
 * @param {readonly Column[]} columns
 * @param {boolean} variants
 */
function rowOf({ entry, summary, failures }, columns, variants) {
  const { contender, configuration, variant } = entry;
  const name = configuration === 'best' ? contender : `${contender}, ${configuration}`;
  const own = contender === 'pgqueue' ? `**${name}**` : name;
  const label = failures.length > 0 ? `${own} (failed ${failures.length}×)` : own;
  const figures = columns.map(({ key, digits = 0 }) => {
    const figure = summary[key];
    if (!figure) return '–';
    const { min, median, max } = figure;
    const text = (/** @type {number} */ value) => number(value, digits);
    return text(min) === text(max) ? text(median) : `**${text(median)}** (${text(min)} to ${text(max)})`;
  });
  const shown = typeof variant === 'number' ? variant.toLocaleString('en') : `${variant ?? ''}`;
  return [label, ...(variants ? [shown] : []), ...figures];
}

/** @param {number} value @param {number} digits */
export function number(value, digits) {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 * @param {number} [left] so many columns are text
 */
function table(head, rows, left = head.length) {
  const rule = head.map((_, place) => (place < left ? '---' : '--:'));
  return [head, rule, ...rows].map(line).join('\n');
}

/** @param {readonly string[]} cells */
function line(cells) {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
