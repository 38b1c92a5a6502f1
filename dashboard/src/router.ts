import type { TaskQuery } from '../../lib/dashboard/dashboard-api.js';
import { createStore, useStore } from './store.js';

/** The page that the visitor sees, which is encoded in the address behind `#`. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'tasks'; readonly query: TaskQuery }
  | { readonly page: 'task'; readonly id: string }
  | { readonly page: 'workers' }
  | { readonly page: 'unknown' };

const FIELDS = ['kind', 'shard', 'status', 'id', 'externalKey', 'text', 'createdFrom', 'createdTo'] as const;

export const links = {
  overview: '#/',
  workers: '#/workers',
  task: (id: string) => `#/tasks/${encodeURIComponent(id)}`,
  tasks: (query: TaskQuery = {}) => {
    const search = new URLSearchParams(
      FIELDS.flatMap((field) => (query[field] ? [[field, query[field]]] : [])),
    ).toString();
    return `#/tasks${search && `?${search}`}`;
  },
};

export function routeOf(hash: string): Route {
  const [path = '', search = ''] = split(hash.replace(/^#/, ''));
  if (path === '' || path === '/') {
    return { page: 'overview' };
  }
  if (path === '/tasks') {
    const params = new URLSearchParams(search);
    const given = FIELDS.flatMap((field) => (params.get(field) ? [[field, params.get(field)!]] : []));
    return { page: 'tasks', query: Object.fromEntries(given) as TaskQuery };
  }
  if (path === '/workers') {
    return { page: 'workers' };
  }
  const id = /^\/tasks\/(?:([\w.-]+)(?:\/|%2F))?(-?\d+)$/i.exec(path);
  return id ? { page: 'task', id: id[1] ? `${id[1]}/${id[2]}` : id[2]! } : { page: 'unknown' };
}

function split(hash: string): [string, string?] {
  const at = hash.indexOf('?');
  return at < 0 ? [hash] : [hash.slice(0, at), hash.slice(at + 1)];
}

const current = createStore('');

export function startRouter(): void {
  current.set(location.hash);
  addEventListener('hashchange', () => current.set(location.hash));
}

export function useHash(): string {
  return useStore(current);
}

export function goTo(hash: string): void {
  location.hash = hash;
}
