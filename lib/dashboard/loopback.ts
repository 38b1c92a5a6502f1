import { BlockList, isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';

/** Headers that proxies add. */
const PROXIED = /^(forwarded|via|x-real-ip|x-forwarded-.+)$/;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Whether a request comes from this machine, without a proxy that adds headers, and names this machine in `Host`: a page of another site
 * could point its own name to this machine.
 */
export function isLoopbackRequest({ socket, headers }: IncomingMessage): boolean {
  const proxied = Object.keys(headers).some((name) => PROXIED.test(name));
  return !proxied && isLoopback(socket.remoteAddress ?? '') && isLocalName(headers.host ?? '');
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  // `BlockList` finds IPv4 addresses that are mapped into IPv6, too.
  return family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
