import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { noJitter } from '../../lib/index.js';
import { resolveOptions } from '../../lib/cluster/queue.options.js';
import { toMilliseconds } from '../../lib/timing/duration.js';
import { resolveKindOptions } from '../../lib/task/kind-options.js';

/** The rows of the README's table whose first column is headed `option`, below a heading. */
function tableBelow(heading: string): Map<string, string[]> {
  const section = readFileSync('README.md', 'utf8').split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return new Map(
    rows.map((row) => {
      const [option, ...cells] = row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', ''));
      return [option!, cells];
    }),
  );
}

/** The properties of an interface, with the text of their types. */
function propertiesOf(file: string, name: string): Map<string, string> {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = source.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  )!;
  return new Map(
    found.members
      .filter(ts.isPropertySignature)
      .map((member) => [member.name.getText(), member.type!.getText()]),
  );
}

describe('the README’s table of kind options', () => {
  const table = tableBelow('Options of a kind');
  const file = 'lib/task/kind-options.ts';

  it('has every option, and says which are live', () => {
    const options = propertiesOf(file, 'KindOptions');
    options.delete('loop');
    for (const [name, type] of propertiesOf(file, 'LoopOptions')) {
      options.set(`loop.${name}`, type);
    }
    const live = [...options].map(([name, type]) => [name, type.startsWith('Live<') ? 'yes' : '']);
    expect([...table].map(([name, cells]) => [name, cells[1]])).toEqual(live);
  });

  it('has the defaults', () => {
    const cell = (option: string) => table.get(option)![0]!;
    const resolved = resolveKindOptions(7, { attemptTimeout: 1, backoff: noJitter(1) });
    expect(resolved).toMatchObject({
      name: cell('name').replace('<kind>', '7'),
      maxAttempts: Number(cell('maxAttempts')),
      maxTaskErrorMessages: Number(cell('maxTaskErrorMessages')),
    });
    expect(resolved.workerCount()).toBe(Number(cell('workerCount')));
    expect(resolved.terminalTasksTtlMs()).toBe(toMilliseconds('', cell('terminalTasksTtl')));
    expect(resolved.janitorPeriodMs()).toBe(toMilliseconds('', cell('loop.janitorPeriod')));
    expect(resolved.fetcherPeriodMs()).toBe(toMilliseconds('', cell('loop.fetcherPeriod')));
    expect([cell('attemptTimeout'), cell('backoff')]).toEqual(['required', 'required']);
  });
});

describe('the README’s table of module options', () => {
  const table = tableBelow('Options of the module');

  it('has every option', () => {
    const options = propertiesOf('lib/cluster/queue.options.ts', 'PgQueueModuleOptions');
    expect([...table.keys()]).toEqual([...options.keys()]);
  });

  it('has the defaults', () => {
    const cell = (option: string) => table.get(option)![0]!;
    expect(resolveOptions({})).toMatchObject({
      dataSource: cell('dataSource'),
      autoStart: cell('autoStart') === 'true',
      listen: cell('listen') === 'true',
      transactionPooling: cell('transactionPooling') === 'true',
      maxPayloadBytes: Number(cell('maxPayloadBytes')),
      shutdownTimeoutMs: toMilliseconds('', cell('shutdownTimeout')),
      heartbeatPeriodMs: toMilliseconds('', cell('heartbeatPeriod')),
      leaseTimeoutMs: toMilliseconds('', cell('leaseTimeout')),
      statementTimeoutMs: toMilliseconds('', cell('statementTimeout')),
    });
  });
});
