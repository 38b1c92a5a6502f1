import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { isLoopbackRequest } from '../../lib/dashboard/loopback.js';

const ask = (remoteAddress: string | undefined, headers: Record<string, string>) =>
  isLoopbackRequest({ socket: { remoteAddress }, headers } as unknown as IncomingMessage);

it.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])('lets in %s', (address) => {
  for (const host of [
    'localhost',
    'localhost:3000',
    'app.localhost:1',
    '127.0.0.1:3000',
    '[::1]:3000',
    'LOCALHOST',
  ]) {
    expect(ask(address, { host })).toBe(true);
  }
});

it.each(['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '2001:db8::1', '', undefined])(
  'turns away %s',
  (address) => {
    expect(ask(address, { host: 'localhost' })).toBe(false);
  },
);

it.each([
  ['a name that leads here', { host: 'evil.test:3000' }],
  ['a name that ends like ours', { host: 'notlocalhost' }],
  ['an address of the network', { host: '192.168.0.2' }],
  ['no name', {}],
  ['a proxy', { host: 'localhost', 'x-forwarded-for': '10.0.0.1' }],
  ['another proxy', { host: 'localhost', forwarded: 'for=10.0.0.1' }],
  ['a proxy that tells its own name alone', { host: 'localhost', via: '1.1 varnish' }],
  ['a proxy that tells the address in its own way', { host: 'localhost', 'x-real-ip': '10.0.0.1' }],
  ['a proxy that tells the name alone', { host: 'localhost', 'x-forwarded-host': 'shop.test' }],
])('turns away %s', (_, headers) => {
  expect(ask('127.0.0.1', headers)).toBe(false);
});
