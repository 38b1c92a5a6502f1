import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Asset } from './dashboard-assets.js';

/** Forbids content of other origins, inline scripts and styles, and frames. */
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

/** Headers that would grant other sites access, redirect, or describe the body wrongly. */
const WEAKENING =
  /^(access-control-.*|timing-allow-origin|service-worker-allowed|refresh|link|sourcemap|content-(type|encoding|length|disposition|range)|transfer-encoding)$/;

/** Sets the headers that protect each response, and removes those of the application that weaken it. */
export function protect(response: ServerResponse): void {
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

/** Redirects to a URL relative to the requested one, which is right behind proxies too. */
export function sendRedirect(response: ServerResponse, location: string): void {
  response.statusCode = 302;
  response.setHeader('Location', location);
  response.end();
}

export function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(String(headers['accept-encoding'] ?? ''));
}
