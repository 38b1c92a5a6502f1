import { BlockList, isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';

/** What proxies add. */
const PASSED_ON = /^(forwarded|via|x-real-ip|x-forwarded-.+)$/;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Whether a request was made on this machine and for it: not through a proxy on it that says so, nor by another site's page
 * under a name that leads here.
 */
export function isFromThisMachine({ socket, headers }: IncomingMessage): boolean {
  const passedOn = Object.keys(headers).some((name) => PASSED_ON.test(name));
  return !passedOn && isLoopback(socket.remoteAddress ?? '') && isLocalName(headers.host ?? '');
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  // IPv4 addresses within IPv6 are looked up as what they are.
  return family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
