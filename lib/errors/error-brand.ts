/** Marks the prototypes of error classes by their names, the same in each copy of this package that a process has loaded. */
const BRAND = Symbol.for('nestjs-pgqueue:error');

/** Marks these classes, so that `hasBrandOf` finds their instances whichever copy of this package made them. */
export function brand(classes: Readonly<Record<string, { readonly prototype: object }>>): void {
  for (const [name, { prototype }] of Object.entries(classes)) {
    Object.defineProperty(prototype, BRAND, { value: name });
  }
}

/** Whether a value is an instance of a branded class, or of one derived from it. False for a class that has no brand of its own. */
export function hasBrandOf(value: unknown, prototype: object): boolean {
  const wanted = brandOf(prototype);
  if (wanted === undefined) {
    return false;
  }
  // The value may be anything: a proxy may throw when its prototype is read.
  try {
    for (let at: unknown = value; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
      if (brandOf(at) === wanted) {
        return true;
      }
    }
  } catch {
    return false;
  }
  return false;
}

/** The brand that a prototype has itself; undefined for classes that others derive. */
function brandOf(prototype: object): unknown {
  return Object.getOwnPropertyDescriptor(prototype, BRAND)?.value;
}
