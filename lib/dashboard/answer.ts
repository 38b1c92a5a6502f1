import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Asset } from './dashboard-assets.js';

/** Nothing of other origins, nothing inline, in no frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers that let other sites in, lead elsewhere, or say of the answer what it is not. */
const WEAKENING =
  /^(access-control-.*|timing-allow-origin|service-worker-allowed|refresh|link|sourcemap|content-(type|encoding|length|disposition|range)|transfer-encoding)$/;

/** What every answer carries, whatever the application has set before. */
export function protect(response: ServerResponse): void {
  // Whatever the application shares with other sites, this is not among it.
  response
    .getHeaderNames()
    .filter((name) => WEAKENING.test(name))
    .forEach((name) => response.removeHeader(name));
  response.setHeader('Content-Security-Policy', POLICY);
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

export function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  const body = acceptsGzip(request) ? asset.zipped : asset.body;
  if (body === asset.zipped) {
    response.setHeader('Content-Encoding', 'gzip');
  }
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Content-Type', asset.type);
  response.setHeader('Content-Length', body.length);
  if (asset.immutable) {
    response.setHeader('Cache-Control', 'private, max-age=31536000, immutable');
  }
  response.end(body);
}

/** A place relative to the one that was asked for holds behind proxies too. */
export function sendTo(response: ServerResponse, place: string): void {
  response.statusCode = 302;
  response.setHeader('Location', place);
  response.end();
}

export function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(String(headers['accept-encoding'] ?? ''));
}
