import { expect, it } from 'vitest';
import { MountPath } from '../../lib/dashboard/mount-path.js';

it.each([
  ['', '/pgqueue', null],
  ['', '/pgqueue/', ''],
  ['', '/pgqueue/api/tasks', 'api/tasks'],
  ['', '/PGQueue/api', 'api'],
  ['', '/v1/pgqueue/x', 'x'],
  ['', '/pgqueue/pgqueue', 'pgqueue'],
  ['shop', '/shop/pgqueue/x', 'x'],
  ['/shop/', '/shop/v2/pgqueue/x', 'x'],
  ['shop', '/pgqueue/x', 'x'],
  ['pgqueue', '/pgqueue/pgqueue', null],
  ['pgqueue', '/pgqueue/pgqueue/pgqueue', 'pgqueue'],
  [':tenant/api', '/acme/api/pgqueue/x', 'x'],
])('with the prefix %j, %s leads to %j', (prefix, url, name) => {
  expect(new MountPath('pgqueue', prefix).find(url)?.name).toBe(name);
});

it.each(['/', '/pgqueues', '/a/b/pgqueue/', 'pgqueue/', '/%70gqueue/', ''])('%j leads elsewhere', (url) => {
  expect(new MountPath('pgqueue', '').find(url)).toBeNull();
});

it('keeps the query', () => {
  const place = new MountPath('ops/queue', '').find('/ops/Queue?a=1&b=%3F?');
  expect(place).toMatchObject({ name: null, withSlash: 'Queue/?a=1&b=%3F?' });
  expect(Object.fromEntries(place!.query)).toEqual({ a: '1', b: '??' });
});

it('takes a dot for a dot', () => {
  expect(new MountPath('a.b', '').find('/axb/')).toBeNull();
});
