import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ForbiddenException, Logger } from '@nestjs/common';
import { printableJson } from '../errors/one-line.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

const NAME = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
/** Open pages repeat their requests, so that one line per minute is enough. */
const QUIET_MS = 60_000;

/** Names in lower case; one that begins with a dot includes its subdomains. True: any name; undefined: the option is not set. */
export type HostNames = readonly string[] | true | undefined;

/**
 * The host names under which requests are accepted. A page of another site can point its own name to this server (DNS rebinding), and
 * then has the same origin, but its requests have that name in `Host`. Addresses, `localhost` and names without a dot cannot be such a
 * name. `X-Forwarded-Host` is ignored, because any client can send it.
 */
export class AllowedHosts {
  private readonly logger = new Logger('PgQueueDashboard');
  private quietUntil = 0;

  constructor(private readonly names: HostNames) {}

  /** Undefined when the option is not set: then the access of the visitor must depend on a secret. */
  allow(request: IncomingMessage): boolean | undefined {
    const name = hostOf(request);
    if (this.names === true || isSafe(name)) {
      return true;
    }
    return this.names?.some((allowed) => matches(allowed, name));
  }

  /** The exception for a request whose host is not allowed. */
  forbid(request: IncomingMessage): ForbiddenException {
    const name = printableJson(hostOf(request));
    if (performance.now() >= this.quietUntil) {
      this.quietUntil = performance.now() + QUIET_MS;
      this.logger.warn(`a request for host ${name} was refused: it is not in allowedHosts`);
    }
    return new ForbiddenException(
      `This server does not know itself by the name ${name}. If it is yours, add it to allowedHosts of PgQueueDashboardModule`,
    );
  }
}

/** @throws InvalidOptionError for a value that is no host name */
export function checkAllowedHosts(value: unknown): HostNames {
  if (value === undefined || value === true) {
    return value;
  }
  if (!Array.isArray(value)) {
    throw new InvalidOptionError('allowedHosts', value, 'must be a list of names of hosts, or true for any');
  }
  return value.map((name: unknown) => {
    if (typeof name !== 'string' || !NAME.test(name)) {
      const problem =
        'must be names of hosts without scheme and port, such as ops.example.com or .example.com';
      throw new InvalidOptionError('allowedHosts', name, problem);
    }
    return name.toLowerCase();
  });
}

/** Headers that a browser sends only to the site that has set them: a page under another name does not have them. */
const SECRET = /^(cookie|authorization|proxy-authorization)$/i;

/** The same request without its secrets, and without the properties that the application may have derived from them. */
export function withoutSecrets(request: IncomingMessage & { body?: unknown }): IncomingMessage {
  const { socket, method, url, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders, body } = request;
  const headers = Object.entries(request.headers).filter(([name]) => !SECRET.test(name));
  const shown = {
    socket,
    method,
    url,
    originalUrl: url,
    httpVersion,
    httpVersionMajor,
    httpVersionMinor,
    headers: Object.fromEntries(headers),
    rawHeaders: rawHeaders.filter((_, index) => !SECRET.test(rawHeaders[index - (index % 2)]!)),
    body,
  };
  // Getters of the prototype stay, such as Express's `ip`.
  const bare: IncomingMessage = Object.create(Object.getPrototypeOf(request));
  for (const [name, value] of Object.entries(shown)) {
    Object.defineProperty(bare, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return bare;
}

/** The name of the host without its port and without a dot at its end. */
function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? (headers[':authority'] as string | undefined) ?? '')
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function isSafe(name: string): boolean {
  return isIP(name) !== 0 || name.endsWith('.localhost') || /^[a-z0-9_-]+$/.test(name);
}

function matches(allowed: string, name: string): boolean {
  return allowed.startsWith('.') ? name === allowed.slice(1) || name.endsWith(allowed) : name === allowed;
}
