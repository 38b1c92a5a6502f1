import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ForbiddenException, Logger } from '@nestjs/common';
import { printableJson } from '../errors/one-line.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

const NAME = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
/** Open pages ask again and again. */
const QUIET_MS = 60_000;

/** Names in lower case, with a dot before those whose subdomains are meant too; true: any; undefined: nobody has said. */
export type HostNames = readonly string[] | true | undefined;

/**
 * The names under which the dashboard may be asked for. A page of another site can have its own name lead to this server, and is
 * of the same origin then; the `Host` still has that name. Addresses, `localhost` and names without a dot can't be such a name.
 * What a proxy says in `X-Forwarded-Host` counts for nothing: anybody can send it.
 */
export class AllowedHosts {
  private readonly logger = new Logger('PgQueueDashboard');
  private quietUntil = 0;

  constructor(private readonly names: HostNames) {}

  /** Undefined: it is for the visitor to show that he is no page of another site. */
  allow(request: IncomingMessage): boolean | undefined {
    const name = hostOf(request);
    if (this.names === true || isSafe(name)) {
      return true;
    }
    return this.names?.some((allowed) => matches(allowed, name));
  }

  /** What to say to who was not let in because of it. */
  refusal(request: IncomingMessage): ForbiddenException {
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

/** @throws InvalidOptionError for what is no name of a host */
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

/** What a browser adds only for the site that it was given to: a page that comes by another name has none of it. */
const SECRET = /^(cookie|authorization|proxy-authorization)$/i;

/** The same request without its secrets, and without what the application has found out by them. */
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
  // What is known of any request stays, such as Express's `ip`.
  const bare: IncomingMessage = Object.create(Object.getPrototypeOf(request));
  for (const [name, value] of Object.entries(shown)) {
    Object.defineProperty(bare, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return bare;
}

/** Without the port, and the dot at its end that means the same. */
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
