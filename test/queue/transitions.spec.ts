import { describe, expect } from 'vitest';
import { type TaskEvent, TRANSITIONS } from '../support/transitions.js';
import { arrange, createWorld, statusOf } from '../support/arrange.js';
import { databasePerFile, recordEvents } from '../support/index.js';
import { CASES, NODES } from './transition-cases.js';

const { it, database } = databasePerFile({});

describe.each(CASES)('$event, when $when', ({ leads, options, happen }) => {
  it('leads where the table says, and changes nothing else', async () => {
    const world = await createWorld(database.url);
    try {
      const events = recordEvents(world.worker.queue);
      const tasks = await Promise.all(
        NODES.map((status) => arrange(world, status, status === 'processing' ? options : {})),
      );
      const before = await Promise.all(tasks.map((task) => task.row()));
      expect(before.map(statusOf)).toEqual(NODES);
      await happen(tasks, world, events);
      const after = await Promise.all(tasks.map((task) => task.row()));
      const led = new Map(leads);
      expect(after.map(statusOf)).toEqual(NODES.map((from) => (led.has(from) ? led.get(from) : from)));
      const untouched = NODES.flatMap((from, index) => (led.has(from) ? [] : [index]));
      expect(untouched.map((index) => after[index])).toEqual(untouched.map((index) => before[index]));
      tasks.forEach((task) => task.endBody());
    } finally {
      await world.close();
    }
  });
});

describe('the table of transitions', () => {
  it('has nothing but what is proved here and in its neighbours', () => {
    const elsewhere: TaskEvent[] = ['claim', 'janitor'];
    const proved = new Set<string>();
    for (const { event, leads } of CASES) {
      leads.forEach(([from, to]) => proved.add(`${from} - ${event} → ${to}`));
    }
    const table = TRANSITIONS.filter(({ event }) => !elsewhere.includes(event)).flatMap(
      ({ from, event, to }) => to.map((node) => `${from} - ${event} → ${node}`),
    );
    // A replacing push of a free key is a push.
    proved.delete('null - replace → new');
    expect([...proved].toSorted()).toEqual(table.toSorted());
  });
});
