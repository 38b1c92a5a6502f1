import type { TestAPI } from 'vitest';
import { type Closable, FixtureBuilder, lazily, perTest, type Scope, Slot } from './fixture-builder.js';
import {
  createQueueApp,
  type QueueApp,
  type QueueAppOptions,
  type StoredTask,
  storedTasks,
} from './queue-app.js';
import { type RecordedEvents, recordEvents } from './queue-events.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

export { lazily, perTest };

/** An application that only pushes: its worker is not started until a test does so. */
export const IDLE = { options: { autoStart: false } };

/** Options of an application with a queue in the database of the spec, as those of `createQueueApp`. */
export type Recipe = Omit<QueueAppOptions, 'url'>;

/** How anything else is made that needs the database and is closed before it. */
export type Maker = (database: TestDatabase) => Promise<Closable>;

/** A recipe may be a function, for what the spec declares further down, such as its classes. */
type Recipes = Readonly<Record<string, Recipe | ((database: TestDatabase) => Recipe) | Maker>>;

type Opened<R, App> = R extends (database: TestDatabase) => Promise<infer Made> ? Made : App;

type Handles<R, App = QueueHandle> = { readonly [Name in keyof R]: Opened<R[Name], App> };

/** A queue's application as `createQueueApp` returns it, with what specs read of it most. */
export interface OpenApp extends QueueApp {
  /** The rows of the queue for which a condition is true, oldest first. */
  stored(where?: string): Promise<StoredTask[]>;
  /** Keeps what happens in the application's process from now on. */
  recordEvents(): RecordedEvents;
}

/** Stands for the application that is open while a test runs. */
export interface QueueHandle extends OpenApp {
  /** The events from the application's start on. They are recorded when the spec reads this property at its top level. */
  readonly events: RecordedEvents;
}

/** The `it` of a spec, which opens a database and what else is named here, and handles of what is open. */
export type Fixture<R> = Handles<R> & {
  readonly it: TestAPI<{ database: TestDatabase } & Handles<R, OpenApp>>;
  readonly database: TestDatabase;
  /** Opens one more application in the database. It is closed at the end of the test, unless the test closes it. */
  readonly openApp: (recipe?: Recipe) => Promise<OpenApp>;
};

type DatabaseOptions = Parameters<typeof createTestDatabase>[0];

/**
 * Opens an empty database for the file, with applications for the file and others for each test:
 *
 *     const { it, producer, worker } = databasePerFile({ producer: IDLE }, { worker: {} });
 *
 * They are opened in the order of their names here and closed in the opposite order, also when a test fails. The handles
 * always stand for what is open; they can be used in tests, in hooks and in functions of the spec, but not while tests are
 * collected. A hook that is for the whole file has to be `it.beforeAll`.
 */
export function databasePerFile<File extends Recipes>(forFile: File): Fixture<File>;
export function databasePerFile<File extends Recipes, Test extends Recipes>(
  forFile: File,
  forTest: Test,
  options?: DatabaseOptions,
): Fixture<File & Test>;
export function databasePerFile(
  forFile: Recipes,
  forTest: Recipes = {},
  options?: DatabaseOptions,
): Fixture<Recipes> {
  return build('file', options, { file: forFile, test: forTest });
}

/** Opens an empty database, and applications, for each test. */
export function databasePerTest<Test extends Recipes>(
  forTest: Test,
  options?: DatabaseOptions,
): Fixture<Test> {
  return build('test', options, { file: {}, test: forTest }) as unknown as Fixture<Test>;
}

function build(scope: Scope, options: DatabaseOptions, recipes: Record<Scope, Recipes>): Fixture<Recipes> {
  const builder = new FixtureBuilder(
    scope,
    () => createTestDatabase(options),
    (database) => database.drop(),
  );
  const handles: Record<string, object> = { database: builder.database };
  for (const each of ['file', 'test'] as const) {
    for (const [name, recipe] of Object.entries(recipes[each]))
      handles[name] = add(builder, name, each, recipe);
  }
  const others = builder.add('others', 'test', openOthers);
  const openApp = (recipe?: Recipe) => others.open(recipe);
  return { ...handles, openApp, it: builder.it } as unknown as Fixture<Recipes>;
}

function add(
  builder: FixtureBuilder<TestDatabase>,
  name: string,
  scope: Scope,
  recipe: Recipes[string],
): object {
  const recorded = new Slot<RecordedEvents>(`${name}.events`);
  let records = false;
  const handle = builder.add(
    name,
    scope,
    (database): Promise<Closable> => {
      const given = typeof recipe === 'function' ? recipe(database) : recipe;
      return given instanceof Promise ? given : openApp(database, given);
    },
    (app) => {
      recorded.current = records ? (app as OpenApp).recordEvents() : undefined;
    },
  );
  const events = () => {
    records = true;
    return recorded.handle;
  };
  return lazily(() => handle, { events });
}

async function openApp({ url }: TestDatabase, recipe: Recipe = {}): Promise<OpenApp> {
  const app = await createQueueApp({ ...recipe, url });
  return {
    ...app,
    stored: (where) => storedTasks(app.dataSource, where),
    recordEvents: () => recordEvents(app.queue),
  };
}

interface Others extends Closable {
  open(recipe?: Recipe): Promise<OpenApp>;
}

/** The applications that a test opens itself. */
async function openOthers(database: TestDatabase): Promise<Others> {
  const all = new Set<OpenApp>();
  return {
    open: async (recipe) => {
      const app = await openApp(database, recipe);
      const close = () => {
        all.delete(tracked);
        return app.close();
      };
      const tracked = { ...app, close };
      all.add(tracked);
      return tracked;
    },
    close: () => Promise.all([...all].map((app) => app.close())),
  };
}
