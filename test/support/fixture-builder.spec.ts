import { expect } from 'vitest';
import { FixtureBuilder } from './fixture-builder.js';

const log: string[] = [];

const builder = new FixtureBuilder(
  'test',
  async () => ({ name: logged('database opens') }),
  async () => logged('database drops'),
);
const producer = builder.add('producer', 'test', async ({ name }) => ({
  madeOf: `${logged('producer opens')} after ${name}`,
  close: async () => logged('producer closes'),
}));
builder.add('worker', 'test', async () => ({
  opened: logged('worker opens'),
  close: async () => logged('worker closes'),
}));
const { it } = builder;

it.fails('a test that fails', () => {
  expect(producer.madeOf).toBe('producer opens after database opens');
  throw new Error('as a test that fails');
});

it('what a failed test had open is closed in the opposite order, and all is opened again', () => {
  const opens = ['database opens', 'producer opens', 'worker opens'];
  expect(log).toEqual([...opens, 'worker closes', 'producer closes', 'database drops', ...opens]);
});

function logged(line: string): string {
  log.push(line);
  return line;
}
