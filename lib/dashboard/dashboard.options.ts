import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HostNames } from './allowed-hosts.js';
import { check, checkOptionNames, isObject } from '../errors/check.js';
import type { Redact } from './redactor.js';
import type { Authorization } from './visitor.js';

/** The request that `authorize` gets; it is the same with Express and Fastify. */
export interface DashboardRequest extends IncomingMessage {
  /** The whole path and query of the request, whatever prefix, version or mount the application has. */
  url: string;
  /** The JSON body of a POST request; undefined when it cannot be read. */
  readonly body?: unknown;
}

/** The options of `PgQueueDashboardModule.forRoot`. */
export interface PgQueueDashboardOptions {
  /** The path of the dashboard below the application's global prefix: one or more segments. Default `'pgqueue'`. */
  path?: string;
  /**
   * Decides who may see the dashboard and what a visitor may do. It is called for each request of a page, a file or data, and every 15 s
   * while a visitor watches the overview. When it throws an HttpException with a status from 400 to 499, the response has that status;
   * any other error denies access with 403, and a call that takes 10 s ends with 503. Without it the application does not boot, unless
   * NODE_ENV is `development`: then only requests from this machine have access.
   * @param request Node's, or Express's; with Fastify the raw one. Its `url` and `body` are the same with both
   * @param response for a header of its own, such as `WWW-Authenticate`; the headers that protect the pages can't be changed
   */
  authorize?(request: DashboardRequest, response: ServerResponse): Authorization | Promise<Authorization>;
  /**
   * Hides parts of payloads: the names of fields, at any depth and in any case, or a function that returns what is shown instead of a
   * payload. A function should list the fields to show, or check `kind`, not `name`: it is `pgqueue-<kind>` while no process reports the
   * name. Lists then show no payloads, and can't be searched by their text. Default: nothing is hidden.
   */
  redact?: Redact;
  /** Show payloads that a codec has encoded as their handlers get them, on the page of a task. Default false: as they are stored. */
  decodePayloads?: boolean;
  /**
   * The host names by which browsers reach the dashboard, without port: `'ops.example.com'`, or `'.example.com'` with its subdomains.
   * Otherwise a page of another site could point a name of its own to this server. Addresses, `localhost` and names without a dot need
   * not be listed. `X-Forwarded-Host` is ignored. `true`: any name. Default: any name for visitors to whom `authorize` would deny access
   * without their cookies and `Authorization` header, and none for others.
   */
  allowedHosts?: readonly string[] | true;
}

/** The options with defaults, checked. */
export interface ResolvedDashboardOptions extends Pick<PgQueueDashboardOptions, 'authorize' | 'redact'> {
  readonly decodePayloads: boolean;
  readonly path: string;
  readonly allowedHosts: HostNames;
}

/** Injects the dashboard's options as they were resolved. */
export const DASHBOARD_OPTIONS = Symbol('PGQUEUE_DASHBOARD_OPTIONS');

const PATH = /^\/?([\w~.-]+(?:\/[\w~.-]+)*)\/?$/;
const HOST = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
const NAMES: readonly string[] = ['path', 'authorize', 'redact', 'decodePayloads', 'allowedHosts'];

/** @throws InvalidOptionError that names the option and the value. */
export function resolveDashboardOptions(
  options: PgQueueDashboardOptions = {},
  environment = process.env['NODE_ENV'],
): ResolvedDashboardOptions {
  check(isObject(options), 'PgQueueDashboardModule options', options, 'must be an object');
  checkOptionNames(options, NAMES, 'PgQueueDashboardModule');
  const { path = 'pgqueue', authorize, redact, decodePayloads = false, allowedHosts } = options;
  const plain = typeof path === 'string' ? PATH.exec(path)?.[1] : undefined;
  check(plain, 'path', path, "must be segments of letters, digits, '-', '_', '.' and '~'");
  if (authorize === undefined) {
    check(
      environment === 'development',
      'authorize',
      authorize,
      'must be given: the dashboard shows payloads and changes tasks. Only with NODE_ENV=development it may be left out',
    );
  } else {
    check(typeof authorize === 'function', 'authorize', authorize, 'must be a function');
  }
  checkRedact(redact);
  check(typeof decodePayloads === 'boolean', 'decodePayloads', decodePayloads, 'must be true or false');
  return {
    path: plain,
    authorize: authorize?.bind(options),
    redact,
    decodePayloads,
    allowedHosts: checkAllowedHosts(allowedHosts),
  };
}

function checkRedact(redact: unknown): void {
  const areNames = Array.isArray(redact) && redact.length > 0 && redact.every(isName);
  const fits = redact === undefined || typeof redact === 'function' || areNames;
  check(fits, 'redact', redact, 'must be names of fields, or a function');
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '';
}

function checkAllowedHosts(value: unknown): HostNames {
  if (value === undefined || value === true) {
    return value;
  }
  check(Array.isArray(value), 'allowedHosts', value, 'must be a list of names of hosts, or true for any');
  return value.map((name: unknown) => {
    const problem = 'must be names of hosts without scheme and port, such as ops.example.com or .example.com';
    check(typeof name === 'string' && HOST.test(name), 'allowedHosts', name, problem);
    return name.toLowerCase();
  });
}
