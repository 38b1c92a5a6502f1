import type { IncomingMessage } from 'node:http';

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
