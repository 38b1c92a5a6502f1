import type { IncomingMessage } from 'node:http';
import { ForbiddenException } from '@nestjs/common';
import { CHANGE_HEADER, type DashboardAccess } from './dashboard-api.js';

/**
 * Refuses changes that the dashboard's own page did not send: another site can't set the header without being asked first, and
 * the browser tells where a request comes from.
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

/** Browsers leave Sec-Fetch-Site out over plain HTTP. */
function hostOf(origin: string | undefined): string | null {
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).host : null;
}
