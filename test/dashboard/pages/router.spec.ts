import { describe, expect, it } from 'vitest';
import { links, routeOf } from '../../../dashboard/src/router.js';

describe('addresses of the pages', () => {
  it.each(['', '#', '#/'])('"%s" is the overview', (hash) => {
    expect(routeOf(hash)).toEqual({ page: 'overview' });
  });

  it('carry every filter there and back', () => {
    const query = {
      kind: '7',
      status: 'new,must_retry',
      id: '1,2',
      externalKey: 'a?b=c&d#e%20 +',
      text: '"ключ": "?"',
      createdFrom: '2026-01-01T00:00:00.000Z',
      createdTo: '2026-02-01T00:00:00.000Z',
    };
    expect(routeOf(links.tasks(query))).toEqual({ page: 'tasks', query });
    expect(routeOf(links.tasks({ text: '' }))).toEqual({ page: 'tasks', query: {} });
  });

  it('take no field that is not a filter', () => {
    expect(routeOf('#/tasks?limit=5&after=x&kind=3')).toEqual({ page: 'tasks', query: { kind: '3' } });
  });

  it('name a task by its number', () => {
    expect(routeOf(links.task('-12'))).toEqual({ page: 'task', id: '-12' });
    expect(routeOf('#/tasks/seven')).toEqual({ page: 'unknown' });
    expect(routeOf(links.workers)).toEqual({ page: 'workers' });
  });
});
