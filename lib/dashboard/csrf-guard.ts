import type { IncomingMessage } from 'node:http';
import { ForbiddenException } from '@nestjs/common';
import { CHANGE_HEADER, type DashboardAccess } from './dashboard-api.js';

/**
 * Rejects changes that no page of the dashboard has sent. A page of another site cannot set the header without a CORS preflight, and
 * the browser names the origin of each request.
 * @throws ForbiddenException
 */
export function assertMayChange({ headers }: IncomingMessage, access: DashboardAccess): void {
  if (access !== 'full') {
    throw new ForbiddenException('You may look, but change nothing');
  }
  if (headers[CHANGE_HEADER] === undefined || !isFromOwnPage(headers)) {
    throw new ForbiddenException('This request does not come from the dashboard');
  }
}

function isFromOwnPage(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined ? hostOf(headers.origin) === headers.host : site === 'same-origin';
}

/** For plain HTTP, over which browsers send `Origin` but no `Sec-Fetch-Site`. */
function hostOf(origin: string | undefined): string | null {
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).host : null;
}
