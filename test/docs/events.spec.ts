import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, it } from 'vitest';

const SOURCE = 'lib/events/queue-events.ts';
/** Of every event but some, which the document names. */
const SHARD = 'shard';
/** Those of every event of tasks; the document says so once. */
const KIND = ['kind', 'name', SHARD];

/** The fields of each member of a union of events, by its type. */
function fieldsByType(name: string, left: readonly string[]): Record<string, string[]> {
  const program = ts.createProgram([SOURCE], { strict: true, noEmit: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(SOURCE)!;
  const symbol = checker
    .getExportsOfModule(checker.getSymbolAtLocation(source)!)
    .find((exported) => exported.name === name)!;
  const members = (checker.getDeclaredTypeOfSymbol(symbol) as ts.UnionType).types;
  return Object.fromEntries(
    members.map((member) => {
      const type = checker.getTypeOfSymbol(member.getProperty('type')!) as ts.StringLiteralType;
      const fields = member.getProperties().map((property) => property.name);
      return [type.value, fields.filter((field) => field !== 'type' && !left.includes(field)).toSorted()];
    }),
  );
}

/** The first two columns of the tables of a section. */
function rowsOf(heading: string): Record<string, string[]> {
  const section = readFileSync('docs/events.md', 'utf8')
    .split(/^## /m)
    .find((text) => text.startsWith(heading))!;
  const [table] = section.split(/^`as` of/m) as [string];
  return Object.fromEntries(
    [...table.matchAll(/^\| `([\w-]+)` +\|([^|]*)\|/gm)].map(([, type, fields]) => [
      type!,
      [...fields!.matchAll(/`(\w+)`/g)].map(([, field]) => field!).toSorted(),
    ]),
  );
}

it.each([
  ['Of tasks', 'TaskQueueEvent', KIND],
  ['Of the process', 'ProcessQueueEvent', [SHARD]],
])('the table "%s" names every event with its fields', (heading, name, left) => {
  const documented = rowsOf(heading);
  expect(Object.keys(documented).length).toBeGreaterThan(10);
  expect(documented).toEqual(fieldsByType(name, left));
});

it('names the events that have no shard', () => {
  const all = { ...fieldsByType('TaskQueueEvent', []), ...fieldsByType('ProcessQueueEvent', []) };
  const [, sentence] = /Without one are ([^.]*), which/.exec(readFileSync('docs/events.md', 'utf8'))!;
  const named = [...sentence!.matchAll(/`([\w-]+)`/g)].map(([, type]) => type!);
  const without = Object.keys(all).filter((type) => !all[type]!.includes(SHARD));
  expect(named.toSorted()).toEqual(without.toSorted());
});
