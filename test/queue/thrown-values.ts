/** Throws whatever it is asked for. */
export function refuse(): never {
  throw new Error('hands off');
}

function hostileProxy(): object {
  return new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse });
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function axiosLike(): Error {
  const request: Record<string, unknown> = { method: 'GET' };
  request['response'] = { request, status: 502 };
  return Object.assign(new Error('Request failed with status code 502'), { request, toJSON: refuse });
}

/** What a handler throws, with what is stored of it. */
export const THROWN: readonly [title: string, thrown: () => unknown, message: RegExp][] = [
  ['undefined', () => undefined, /^undefined$/],
  ['null', () => null, /^null$/],
  ['an empty text', () => '', /^$/],
  ['a number', () => 42, /^42$/],
  ['a symbol', () => Symbol('token'), /^Symbol\(token\)$/],
  ['a function', () => refuse, /^function refuse/],
  ['a frozen object', () => Object.freeze({ message: 'frozen' }), /^frozen$/],
  ['a proxy that throws at everything', hostileProxy, /^an error that has no text$/],
  ['a revoked proxy', revokedProxy, /^an error that has no text$/],
  [
    'an error whose message throws',
    () => Object.defineProperty(new Error('hidden'), 'message', { get: refuse }),
    /^\{\}$/,
  ],
  [
    'an AggregateError',
    () => new AggregateError([new Error('one'), 'two'], 'several'),
    /^several; one; two$/,
  ],
  [
    'a cycle of causes',
    () => {
      const first: Error & { cause?: unknown } = new Error('first');
      first.cause = new Error('second', { cause: first });
      return first;
    },
    /^first\ncaused by: second$/,
  ],
  ['50 MB', () => new Error('x'.repeat(50 * 1024 * 1024)), /^x{3999}…$/],
  ['NUL and lone surrogates', () => new Error('a\u0000b \ud800 c'), /^a\ufffdb \ufffd c$/],
  ['what looks like an axios error', axiosLike, /^Request failed with status code 502$/],
  ['an object with a BigInt', () => ({ big: 1n }), /^an error that has no text$/],
];
