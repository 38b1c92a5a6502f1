import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorMessage, storable } from '../../lib/errors/error-message.js';
import { anyText } from '../support/texts.js';

function refuse(): never {
  throw new Error('hands off');
}

/** Throws whatever is done to it. */
function hostileProxy(): object {
  const traps: ProxyHandler<object> = {
    get: refuse,
    has: refuse,
    ownKeys: refuse,
    getPrototypeOf: refuse,
    getOwnPropertyDescriptor: refuse,
  };
  return new Proxy({}, traps);
}

function revokedProxy(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function withThrowingGetter(name: string): object {
  return Object.defineProperty(new Error('the message'), name, {
    get() {
      throw new Error(`${name} is not for you`);
    },
  });
}

function withCause(message: string, cause: unknown): Error {
  return new Error(message, { cause });
}

function cycle(): Error {
  const first = new Error('first') as Error & { cause: unknown };
  first.cause = withCause('second', first);
  return first;
}

describe('errorMessage', () => {
  it.each([
    [withCause('once', new Error('once')), 'once'],
    [undefined, 'undefined'],
    [null, 'null'],
    ['plain text', 'plain text'],
    ['', ''],
    [42, '42'],
    [10n, '10'],
    [Symbol('token'), 'Symbol(token)'],
    [new Error('went wrong'), 'went wrong'],
    [new TypeError(''), 'TypeError'],
    [Object.freeze(new Error('frozen')), 'frozen'],
    [Object.freeze({ message: 'frozen object' }), 'frozen object'],
    [{ code: 7 }, '{"code":7}'],
    [{ message: 7 }, '{"message":7}'],
    [Object.create(null), '{}'],
    [[1, 2], '[1,2]'],
    [withCause('outer', withCause('inner', 'root')), 'outer\ncaused by: inner\ncaused by: root'],
    [withCause('outer', null), 'outer\ncaused by: null'],
    [cycle(), 'first\ncaused by: second'],
    [new AggregateError([new Error('one'), 'two', 3], 'several'), 'several; one; two; 3'],
    [new AggregateError([new Error('one')]), 'AggregateError; one'],
  ])('describes %o', (thrown, message) => {
    expect(errorMessage(thrown)).toBe(message);
  });

  it('describes an error that is its own cause once', () => {
    const error = new Error('itself') as Error & { cause: unknown };
    error.cause = error;
    expect(errorMessage(error)).toBe('itself');
  });

  it('follows a chain of causes for a few links only', () => {
    let error = new Error('0');
    for (let depth = 1; depth < 1000; depth++) {
      error = withCause(String(depth), error);
    }
    expect(errorMessage(error).split('\ncaused by: ')).toEqual(['999', '998', '997', '996', '995', '994']);
  });

  it('tells a few of many aggregated errors', () => {
    const errors = Array.from({ length: 10_000 }, (_, index) => new Error(String(index)));
    expect(errorMessage(new AggregateError(errors, 'many'))).toBe('many; 0; 1; 2; 3; 4');
  });

  it.each([
    ['a proxy that throws at everything', hostileProxy()],
    ['a revoked proxy', revokedProxy({})],
    ['an object whose toJSON throws', { toJSON: () => Reflect.ownKeys(1 as never) }],
    ['a circular object', circular()],
    ['an object with a BigInt', { big: 1n }],
  ])('has a text for %s', (_, thrown) => {
    expect(errorMessage(thrown)).toBe('an error that has no text');
  });

  it.each(['name', 'stack', 'cause', 'errors'])('survives a throwing getter of %s', (name) => {
    expect(errorMessage(withThrowingGetter(name))).toBe('the message');
  });

  it('survives a throwing getter of message', () => {
    expect(errorMessage(withThrowingGetter('message'))).toBe('{}');
  });

  it.each([
    ['errors', revokedProxy([])],
    ['errors', hostileProxy()],
    ['cause', hostileProxy()],
    ['cause', revokedProxy({})],
    ['errors', [hostileProxy()]],
    ['errors', Object.defineProperty([1], 0, { get: () => hostileProxy() })],
  ])('survives %s that throw', (name, value) => {
    expect(errorMessage(Object.assign(new Error('the message'), { [name]: value }))).toMatch(/^the message/);
  });

  it('survives a list of errors that throws when it is read', () => {
    const errors = Object.defineProperty([1], 0, {
      get() {
        throw new Error('not for you');
      },
    });
    expect(errorMessage(Object.assign(new Error('the message'), { errors }))).toMatch(/^the message/);
  });

  it('H8: cuts a message of 50 MB', () => {
    const error = new Error('x'.repeat(50 * 1024 * 1024));
    const message = errorMessage(withCause('outer', error));
    expect(message).toHaveLength(4000);
    expect(message).toMatch(/^outer\ncaused by: x+…$/);
  });

  it('does not cut a message of exactly 4,000 characters', () => {
    expect(errorMessage('x'.repeat(4000))).toBe('x'.repeat(4000));
    expect(errorMessage('x'.repeat(4001))).toBe(`${'x'.repeat(3999)}…`);
  });

  it('H9: replaces what PostgreSQL refuses', () => {
    expect(errorMessage(new Error('a\u0000b \ud800 c \udc00'))).toBe('a\ufffdb \ufffd c \ufffd');
  });

  it('cuts no character in two', () => {
    const message = errorMessage('x'.repeat(3998) + '😀😀');
    expect(message.isWellFormed()).toBe(true);
    expect(message.length).toBeLessThanOrEqual(4000);
  });

  it('keeps emoji and line breaks', () => {
    expect(errorMessage(new Error('😀\n\tline'))).toBe('😀\n\tline');
  });

  it('is a text that can be stored, whatever was thrown', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withNullPrototype: true,
      withMap: true,
    });
    fc.assert(
      fc.property(
        fc.oneof(anything, fc.record({ message: anything, cause: anything, errors: anything })),
        (thrown) => {
          expect(errorMessage(thrown)).toSatisfy(isStorable);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('storable', () => {
  it('gives back a text that can be stored, and changes none that can', () => {
    fc.assert(
      fc.property(anyText(), fc.integer({ min: 1, max: 500 }), (text, times) => {
        const stored = storable(text.repeat(times));
        expect(stored).toSatisfy(isStorable);
        expect(storable(stored)).toBe(stored);
      }),
    );
  });
});

function isStorable(text: unknown): boolean {
  return typeof text === 'string' && text.length <= 4000 && !text.includes('\u0000') && text.isWellFormed();
}

function circular(): object {
  const object: Record<string, unknown> = {};
  object['self'] = object;
  return object;
}
