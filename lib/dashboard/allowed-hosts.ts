import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ForbiddenException, Logger } from '@nestjs/common';
import { printableJson } from '../errors/one-line.js';
import { LogLimit } from './log-limit.js';

/** Names in lower case; one that begins with a dot includes its subdomains. True: any name; undefined: the option is not set. */
export type HostNames = readonly string[] | true | undefined;

/**
 * The host names under which requests are accepted. A page of another site can point its own name to this server (DNS rebinding), and
 * then has the same origin, but its requests have that name in `Host`.
 */
export class AllowedHosts {
  private readonly logger = new Logger('PgQueueDashboard');
  private readonly logLimit = new LogLimit();

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
    if (this.logLimit.allows('hosts')) {
      this.logger.warn(`a request for host ${name} was refused: it is not in allowedHosts`);
    }
    return new ForbiddenException(
      `This server does not know itself by the name ${name}. If it is yours, add it to allowedHosts of PgQueueDashboardModule`,
    );
  }
}

/** The name without its port and without a dot at its end. `X-Forwarded-Host` is ignored, because any client can send it. */
function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? (headers[':authority'] as string | undefined) ?? '')
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/** Addresses, `localhost` and names without a dot cannot be the name of another site. */
function isSafe(name: string): boolean {
  return isIP(name) !== 0 || name.endsWith('.localhost') || /^[a-z0-9_-]+$/.test(name);
}

function matches(allowed: string, name: string): boolean {
  return allowed.startsWith('.') ? name === allowed.slice(1) || name.endsWith(allowed) : name === allowed;
}
