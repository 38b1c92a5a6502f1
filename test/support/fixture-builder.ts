import { beforeEach, it as plain, type TestAPI } from 'vitest';

/** What a fixture opens and closes. */
export interface Closable {
  close(): Promise<unknown>;
}

/** Vitest opens a fixture once for the file, or for each test again. */
export type Scope = 'file' | 'test';

/**
 * Stands for an object that is not made yet, or made again for each test.
 *
 * @param instead makes some of its properties, which can be read before there is the object
 */
export function lazily<T extends object>(current: () => T, instead: Record<string, () => unknown> = {}): T {
  return new Proxy({} as T, {
    get: (_, name) => {
      if (Object.hasOwn(instead, name)) return instead[name as string]!();
      const object = current();
      const value = Reflect.get(object, name);
      return typeof value === 'function' ? value.bind(object) : value;
    },
    set: (_, name, value) => Reflect.set(current(), name, value),
    has: (_, name) => Reflect.has(current(), name),
    // For spreading, and for Object.keys.
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor: (_, name) => {
      const property = Reflect.getOwnPropertyDescriptor(current(), name);
      return property && { ...property, configurable: true };
    },
  });
}

/**
 * Stands for an object that is made again before each test, at the place among its hooks where this is called. It is not for what the
 * queue knows again by its identity, such as the definition of a kind.
 */
export function perTest<T extends object>(make: () => T): T {
  const slot = new Slot<T>('what is made for a test');
  beforeEach(() => {
    slot.current = make();
  });
  return slot.handle;
}

type Use = (value: unknown) => Promise<void>;

/**
 * Builds an `it` that opens a database before a test, and then one thing after the other that needs it. All are closed in the
 * opposite order, also when the test fails. Each has a handle, which stands for what is open and can be used outside of tests.
 */
export class FixtureBuilder<Database extends object> {
  readonly database: Database;
  it: TestAPI;

  constructor(scope: Scope, create: () => Promise<Database>, drop: (database: Database) => Promise<unknown>) {
    const slot = new Slot<Database>('database');
    this.database = slot.handle;
    this.it = plain.extend({
      database: [
        // Vitest reads from the pattern that the database needs no other fixture.
        // oxlint-disable-next-line no-empty-pattern
        async ({}, use: Use) => {
          const database = await create();
          slot.current = database;
          await use(database);
          slot.current = undefined;
          await inTime('database', drop(database));
        },
        { scope, auto: true },
      ],
    }) as TestAPI;
  }

  /** @param filled is called with what was opened, before a hook or a test of the spec */
  add<T extends Closable>(
    name: string,
    scope: Scope,
    open: (database: Database) => Promise<T>,
    filled: (opened: T) => void = () => undefined,
  ): T {
    const slot = new Slot<T>(name);
    const fixtures = {
      [name]: [
        async ({ database }: { database: Database }, use: Use) => {
          const opened = await open(database);
          slot.current = opened;
          filled(opened);
          await use(opened);
          slot.current = undefined;
          await inTime(name, opened.close());
        },
        { scope, auto: true },
      ],
    };
    // The types of vitest know no fixtures whose names are computed.
    this.it = this.it.extend(fixtures as never) as unknown as TestAPI;
    return slot.handle;
  }
}

/** What is open under a name, and the handle that stands for it. */
export class Slot<T extends object> {
  current: T | undefined;
  readonly handle: T;

  constructor(name: string) {
    this.handle = lazily(() => {
      if (!this.current) throw new Error(`${name} is open only while a test, or a hook of its, runs`);
      return this.current;
    });
  }
}

/** As the time limit of a hook: vitest sets none to the end of a fixture. */
const CLOSE_TIMEOUT_MS = 60_000;

async function inTime(name: string, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`${name} was not closed within ${CLOSE_TIMEOUT_MS} ms`);
    timer = setTimeout(() => reject(error), CLOSE_TIMEOUT_MS);
  });
  try {
    await Promise.race([closing, late]);
  } finally {
    clearTimeout(timer);
  }
}
