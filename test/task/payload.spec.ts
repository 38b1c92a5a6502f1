import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serializePayload } from '../../lib/task/payload.js';
import { InvalidTaskError } from '../../lib/errors/pg-queue.errors.js';
import { thrownBy } from '../support/thrown-by.js';

const MAX = 1024 * 1024;

function serialize(payload: unknown, maxBytes = MAX): string {
  return serializePayload('task.payload', payload, maxBytes);
}

function refusal(payload: unknown, maxBytes = MAX): InvalidTaskError {
  const error = thrownBy(() => serialize(payload, maxBytes));
  expect(error).toBeInstanceOf(InvalidTaskError);
  return error as InvalidTaskError;
}

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < depth; level++) {
    value = level % 2 ? [value] : { value };
  }
  return value;
}

class Money {
  constructor(readonly cents: number) {}

  toJSON() {
    return { cents: this.cents };
  }
}

describe('serializePayload', () => {
  it.each([
    [null, 'null'],
    [0, '0'],
    ['', '""'],
    [false, 'false'],
    [[], '[]'],
    [{}, '{}'],
    [{ b: 1, a: 2 }, '{"b":1,"a":2}'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [{ a: null }, '{"a":null}'],
    [Object.create(null), '{}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [[new Date(0), { at: new Date(1) }], '["1970-01-01T00:00:00.000Z",{"at":"1970-01-01T00:00:00.001Z"}]'],
    [{ price: new Money(5) }, '{"price":{"cents":5}}'],
    [Buffer.from('a'), '{"type":"Buffer","data":[97]}'],
    [new URL('https://example.org/a'), '"https://example.org/a"'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    ['\u0000', '"\\u0000"'],
    ['\ud800', '"\\ud800"'],
    ['😀', '"😀"'],
    [
      new (class Dto {
        id = 1;
        get total() {
          return 3;
        }
      })(),
      '{"id":1}',
    ],
    [{ a: new (class Ping {})(), b: new (class extends Object {})() }, '{"a":{},"b":{}}'],
    [runInNewContext('({ a: {}, b: [{}] })'), '{"a":{},"b":[{}]}'],
    [JSON.parse('{"__proto__":{"admin":true}}'), '{"__proto__":{"admin":true}}'],
  ])('H29: carries %o', (payload, json) => {
    expect(serialize(payload)).toBe(json);
  });

  it.each([
    [undefined, 'task.payload'],
    [() => 1, 'task.payload'],
    [Symbol('s'), 'task.payload'],
    [Number.NaN, 'task.payload'],
    [Number.POSITIVE_INFINITY, 'task.payload'],
    [{ a: { b: Number.NEGATIVE_INFINITY } }, 'task.payload.a.b'],
    [{ a: [1, { b: () => 1 }] }, 'task.payload.a[1].b'],
    [{ a: Symbol('s') }, 'task.payload.a'],
    [{ method() {} }, 'task.payload.method'],
    [[1, undefined], 'task.payload[1]'],
    [Array.from({ length: 2 }), 'task.payload[0]'],
    [new Map([[1, 2]]), 'task.payload'],
    [{ a: new Set() }, 'task.payload.a'],
    [{ a: new WeakMap() }, 'task.payload.a'],
    [{ a: /x/ }, 'task.payload.a'],
    [{ a: Promise.resolve(1) }, 'task.payload.a'],
    [{ a: new Error('lost') }, 'task.payload.a'],
    [{ a: new Uint8Array(2) }, 'task.payload.a'],
    [{ a: new ArrayBuffer(2) }, 'task.payload.a'],
    [{ at: new Date(Number.NaN) }, 'task.payload.at'],
    [{ a: { toJSON: () => ({ b: [Number.NaN] }) } }, 'task.payload.a.b[0]'],
    [{ a: { toJSON: () => new Map() } }, 'task.payload.a'],
    [{ a: -0 }, 'task.payload.a'],
    [{ a: Object(true) }, 'task.payload.a'],
    [{ a: Object('text') }, 'task.payload.a'],
    [{ a: new URLSearchParams('a=1') }, 'task.payload.a'],
    [{ a: new Blob(['x']) }, 'task.payload.a'],
    [{ a: new Map().entries() }, 'task.payload.a'],
    [{ a: [].values() }, 'task.payload.a'],
    [{ a: new WeakRef({}) }, 'task.payload.a'],
    [
      {
        a: new (class Secret {
          #value = 1;
          get value() {
            return this.#value;
          }
        })(),
      },
      'task.payload.a',
    ],
    [
      {
        a: new (class Stack {
          #items = [1];
          pop() {
            return this.#items.pop();
          }
        })(),
      },
      'task.payload.a',
    ],
    [{ a: Object.defineProperty(new (class Hidden {})(), 'state', { value: 1 }) }, 'task.payload.a'],
    [{ a: { b: 1, [Symbol('s')]: 2 } }, 'task.payload.a'],
    [{ a: 'ab12'.match(/\d+/) }, 'task.payload.a'],
    [
      {
        a: (function () {
          return arguments;
        })(),
      },
      'task.payload.a',
    ],
  ])('H29: refuses %o, naming the part', (payload, field) => {
    const error = refusal(payload);
    expect(error.field).toBe(field);
    expect(error.message).toContain(`${field}: can't be represented in JSON`);
  });

  it.each([
    [1n, 'BigInt'],
    [{ a: [1n] }, 'BigInt'],
    [circular(), 'circular'],
    [{ toJSON: () => circular() }, 'circular'],
    [nested(100_000), 'call stack'],
    [
      {
        toJSON() {
          throw new Error('no JSON of me');
        },
      },
      'no JSON of me',
    ],
    [
      {
        get secret() {
          throw null;
        },
      },
      'null',
    ],
  ])('refuses %#: what JSON.stringify throws at, with its reason', (payload, reason) => {
    const error = refusal(payload);
    expect(error.field).toBe('task.payload');
    expect(error.message).toMatch(/^task\.payload: can't be represented in JSON \(.+\), got /);
    expect(error.message).toContain(reason);
  });

  it('refuses proxies of what JSON empties, and takes those of plain objects', () => {
    for (const hidden of [new Map([[1, 2]]), new Error('x'), new URLSearchParams('a=1')]) {
      expect(refusal({ a: new Proxy(hidden, {}) }).field).toBe('task.payload.a');
    }
    expect(serialize(new Proxy({ a: 1 }, {}))).toBe('{"a":1}');
  });

  it('takes 500 levels and no more, also inside of toJSON', () => {
    expect(JSON.parse(serialize(nested(500)))).toEqual(nested(500));
    for (const payload of [nested(501), { toJSON: () => nested(501) }, [{ toJSON: () => nested(500) }]]) {
      const error = refusal(payload);
      expect(error.message).toMatch(/must be nested at most 500 levels deep, got /);
      expect(error.message.length).toBeLessThan(400);
    }
  });

  it('H30: takes as many bytes as allowed and no more, counted in UTF-8', () => {
    expect(serialize('x'.repeat(98), 100)).toHaveLength(100);
    expect(refusal('x'.repeat(99), 100).message).toBe(
      'task.payload: must be at most 100 bytes of JSON, got "101 bytes"',
    );
    expect(serialize('€'.repeat(32), 98)).toHaveLength(34);
    expect(refusal('€'.repeat(33), 98).field).toBe('task.payload');
    expect(refusal('\u0000'.repeat(17), 100).field).toBe('task.payload');
    expect(serialize('x'.repeat(MAX - 2))).toHaveLength(MAX);
    expect(refusal('x'.repeat(MAX - 1)).value).toBe('1048577 bytes');
  });

  it('does not pollute a prototype', () => {
    serialize(JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'));
    expect({}).not.toHaveProperty('polluted');
  });

  it('leaves the payload as it was', () => {
    const payload = Object.freeze({ list: Object.freeze([1, Object.freeze({ a: 'b' })]) });
    expect(serialize(payload)).toBe('{"list":[1,{"a":"b"}]}');
  });

  it('carries whatever JSON can say, unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue().map(withoutMinusZero), (value) => {
        expect(JSON.stringify(JSON.parse(serialize(value)))).toBe(JSON.stringify(value));
      }),
    );
  });

  it('takes a payload that comes back equal, or refuses it, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          const json = serializedOrRefused(value);
          expect(json === undefined || isSameButForUndefined(JSON.parse(json), value)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('checks a payload of 300,000 numbers in a few milliseconds of the processor', () => {
    const payload = Array.from({ length: 300_000 }, (_, n) => n % 100);
    const before = process.cpuUsage();
    for (let round = 0; round < 5; round++) {
      expect(serialize(payload)).toHaveLength(870_001);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(250);
  });
});

/** JSON text has a minus zero only where somebody wrote it. */
function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function circular(): object {
  const object: Record<string, unknown> = {};
  object['self'] = { object };
  return object;
}

/** Undefined when it is refused, as it should be: any other error is the test's. */
function serializedOrRefused(value: unknown): string | undefined {
  try {
    return serialize(value);
  } catch (error) {
    if (error instanceof InvalidTaskError) {
      return undefined;
    }
    throw error;
  }
}

/** JSON drops properties that are undefined, the sign of a zero, and prototypes; nothing else may differ. */
function isSameButForUndefined(parsed: unknown, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) {
    return parsed === value;
  }
  if (Array.isArray(value)) {
    return (
      Array.isArray(parsed) &&
      parsed.length === value.length &&
      value.every((item, index) => isSameButForUndefined(parsed[index], item))
    );
  }
  if (value instanceof Date) {
    return parsed === value.toISOString();
  }
  if (typeof parsed !== 'object' || parsed === null) {
    return false;
  }
  const keys = Object.keys(value).filter((key) => Reflect.get(value, key) !== undefined);
  return (
    keys.length === Object.keys(parsed).length &&
    keys.every((key) => isSameButForUndefined(Reflect.get(parsed, key), Reflect.get(value, key)))
  );
}
