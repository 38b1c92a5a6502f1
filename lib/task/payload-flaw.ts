import { types } from 'node:util';

/** Deeper nesting would overflow the server's JSON parser. */
const MAX_DEPTH = 500;
/** Arrays of more items are not searched for names beside their items: the engine lists all indexes first. */
const MAX_LISTED = 100;

export const NOT_CARRIED = "can't be represented in JSON";
const TOO_DEEP = `must be nested at most ${MAX_DEPTH} levels deep`;
const NO_DATA = `${NOT_CARRIED}, which sees no data in it: give it a toJSON, or push a plain object`;
const BOXED = `${NOT_CARRIED} as it is: push the plain value`;
const MINUS_ZERO = `${NOT_CARRIED}, which writes minus zero as 0: push 0`;
const SYMBOL_KEY = `${NOT_CARRIED}: it has a symbol among its keys`;
const EXTRA_KEY = `${NOT_CARRIED}: the array has more than items`;

/** A part of a payload that JSON would lose or change. */
export interface Flaw {
  /** The path from the payload to the part: `.items[3].price`. It is made while the search returns, so that a good payload costs nothing. */
  readonly path: string;
  readonly value: unknown;
  readonly problem: string;
}

/** Finds a part that JSON.stringify would drop, empty or change without an error. */
export function flawOf(value: unknown, depth = 0): Flaw | undefined {
  switch (typeof value) {
    case 'function':
    case 'symbol':
      return flaw(value, NOT_CARRIED);
    case 'number':
      return flawOfNumber(value);
    case 'object':
      return value === null ? undefined : flawOfObject(value, depth + 1);
    default:
      return undefined;
  }
}

function flaw(value: unknown, problem: string): Flaw {
  return { path: '', value, problem };
}

function flawOfNumber(value: number): Flaw | undefined {
  if (!Number.isFinite(value)) {
    return flaw(value, NOT_CARRIED);
  }
  return Object.is(value, -0) ? flaw(value, MINUS_ZERO) : undefined;
}

function flawOfObject(value: object, depth: number): Flaw | undefined {
  if (depth > MAX_DEPTH) {
    return flaw(value, TOO_DEEP);
  }
  const carried = carriedFor(value);
  if (typeof carried !== 'object' || carried === null) {
    return flawOf(carried, depth);
  }
  if (Array.isArray(carried)) {
    return flawOfArray(carried, depth);
  }
  const problem = problemOf(carried);
  return problem === undefined ? flawOfProperties(carried, depth) : flaw(value, problem);
}

/** What JSON.stringify writes in place of an object; an invalid date would become null. */
function carriedFor(value: object): unknown {
  if (value instanceof Date) {
    return value.getTime() + 0;
  }
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value, '') : value;
}

function flawOfArray(items: readonly unknown[], depth: number): Flaw | undefined {
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    const found = item === undefined ? flaw(item, NOT_CARRIED) : flawOf(item, depth);
    if (found) {
      return { ...found, path: `[${index}]${found.path}` };
    }
  }
  if (items.length <= MAX_LISTED && Object.keys(items).length > items.length) {
    return flaw(items, EXTRA_KEY);
  }
  return hasSymbolKey(items) ? flaw(items, SYMBOL_KEY) : undefined;
}

function flawOfProperties(value: object, depth: number): Flaw | undefined {
  for (const key of Object.keys(value)) {
    const found = flawOf((value as Record<string, unknown>)[key], depth);
    if (found) {
      return { ...found, path: `.${key}${found.path}` };
    }
  }
  return undefined;
}

/** The flaw of an object that is no array and has no toJSON; it depends on what the object is, not on the name of its class. */
function problemOf(value: object): string | undefined {
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  if (Object.getOwnPropertySymbols(value).length > 0) {
    if (hasSymbolKey(value)) {
      return SYMBOL_KEY;
    }
  } else if (isPlain) {
    return undefined;
  }
  if (types.isBoxedPrimitive(value)) {
    return BOXED;
  }
  if (isOfItsOwnKind(value)) {
    return NOT_CARRIED;
  }
  return isPlain || Object.keys(value).length > 0 || isEmpty(value) ? undefined : NO_DATA;
}

function hasSymbolKey(value: object): boolean {
  return Object.getOwnPropertySymbols(value).some((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key),
  );
}

/** Objects whose data are not in their properties. */
function isOfItsOwnKind(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isNativeError(value) ||
    value instanceof Error ||
    types.isPromise(value) ||
    types.isRegExp(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isGeneratorObject(value) ||
    types.isMapIterator(value) ||
    types.isSetIterator(value) ||
    types.isArgumentsObject(value)
  );
}

/**
 * Whether an object without data has none. Something of a class with methods or getters has its state where JSON does not look: in
 * private fields, internal slots, the platform. One of a class that has nothing but its name, such as an event's, is empty.
 */
function isEmpty(value: object): boolean {
  if (Reflect.ownKeys(value).length > 0) {
    return false;
  }
  let prototype: unknown = Object.getPrototypeOf(value);
  while (prototype !== null && !isObjectPrototype(prototype)) {
    if (Reflect.ownKeys(prototype as object).some((key) => key !== 'constructor')) {
      return false;
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  return true;
}

/** Whether this is the prototype of plain objects, in this realm or another, such as the sandbox of a test. */
function isObjectPrototype(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty');
}
