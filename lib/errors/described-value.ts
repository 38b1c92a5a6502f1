/** A value as error messages show it: a short text, which never throws. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  }
  if (typeof value === 'bigint') {
    return `${value}n`;
  }
  if (typeof value === 'object' && value !== null) {
    return describeObject(value);
  }
  return typeof value === 'function' ? 'a function' : String(value);
}

/** `[object Map]`; a proxy may refuse even that. */
function describeObject(value: object): string {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return 'an object';
  }
}

/** Stands for a value that errors must not show; it is described by what it is, as in `[object String]`. */
class Undisclosed {
  constructor(private readonly what: string) {}

  get [Symbol.toStringTag](): string {
    return this.what;
  }
}

/** The value itself where it discloses nothing, such as an empty text or `null`; else a stand-in that is described by its type. */
export function undisclosed(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value === '' || /^\d+ bytes$/.test(value) ? value : new Undisclosed('String');
    case 'number':
      return Number.isFinite(value) && value !== 0 ? new Undisclosed('Number') : value;
    case 'object':
      return value === null || value instanceof Undisclosed
        ? value
        : new Undisclosed(describeObject(value).replace(/^\[object (.*)\]$/, '$1'));
    case 'undefined':
    case 'boolean':
      return value;
    default:
      return new Undisclosed(typeof value);
  }
}
