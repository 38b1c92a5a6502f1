import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ForbiddenException, Logger } from '@nestjs/common';
import { InvalidOptionError } from '../task/task.errors.js';

const NAME = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
/** Open pages ask again and again. */
const QUIET_MS = 60_000;

/**
 * The names under which the dashboard may be asked for. A page of another site can have its own name lead to this server, and is
 * of the same origin then; the `Host` still has that name. Addresses, `localhost` and names without a dot can't be such a name.
 * What a proxy says in `X-Forwarded-Host` counts for nothing: anybody can send it.
 */
export class AllowedHosts {
  private readonly logger = new Logger('PgQueueDashboard');
  private quietUntil = 0;

  /** @param names lower-case, with a dot before those whose subdomains are meant too; null: any */
  constructor(private readonly names: readonly string[] | null) {}

  /** @throws ForbiddenException that says what to do */
  check({ headers }: IncomingMessage): void {
    const name = nameOf(headers.host ?? (headers[':authority'] as string | undefined) ?? '');
    if (this.names !== null && !isSafe(name) && !this.names.some((allowed) => matches(allowed, name))) {
      this.warn(name);
      throw new ForbiddenException(
        `This server does not know itself by the name ${JSON.stringify(name)}. If it is yours, add it to allowedHosts of PgQueueDashboardModule`,
      );
    }
  }

  private warn(name: string): void {
    if (performance.now() >= this.quietUntil) {
      this.quietUntil = performance.now() + QUIET_MS;
      this.logger.warn(`a request for host ${JSON.stringify(name)} was refused: it is not in allowedHosts`);
    }
  }
}

/** @throws InvalidOptionError for what is no name of a host */
export function checkAllowedHosts(value: unknown = []): readonly string[] | null {
  if (value === true) {
    return null;
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

/** Without the port, and the dot at its end that means the same. */
function nameOf(host: string): string {
  return host
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
