/** A room of lib/ is a folder, or a file beside the folders. */
const lib = (...rooms) => String.raw`^lib/(${rooms.join('|')})(/|\.ts$)`;
const pkg = (...names) => `^node_modules/(${names.join('|')})/`;

/** The rooms of lib/, lowest first, and the rooms that each may import from besides itself. */
const layers = {
  version: [],
  errors: [],
  timing: ['errors'],
  task: ['errors', 'timing'],
  events: ['timing', 'task'],
  inspect: ['errors', 'task', 'events'],
  handlers: ['errors', 'task'],
  storage: ['errors', 'timing', 'task', 'inspect'],
  producer: ['errors', 'timing', 'task', 'events', 'handlers', 'storage'],
  worker: ['errors', 'timing', 'task', 'events', 'inspect', 'handlers', 'storage'],
  maintenance: ['errors', 'timing', 'events', 'inspect', 'storage', 'worker'],
  admin: ['errors', 'timing', 'task', 'events', 'inspect', 'storage'],
  cluster: [
    'version',
    'errors',
    'timing',
    'task',
    'events',
    'inspect',
    'handlers',
    'storage',
    'producer',
    'worker',
    'maintenance',
    'admin',
  ],
  nest: ['errors', 'timing', 'task', 'events', 'inspect', 'handlers', 'cluster'],
  health: ['nest'],
  metrics: ['timing', 'events', 'inspect', 'handlers', 'cluster', 'nest'],
  tracing: ['version', 'errors', 'events'],
  dashboard: ['errors', 'timing', 'task', 'inspect', 'cluster'],
  cli: ['errors', 'timing', 'task', 'events', 'inspect', 'storage', 'cluster'],
  index: ['errors', 'timing', 'task', 'events', 'inspect', 'handlers', 'cluster', 'nest'],
};
/** These are tested, and could be used, without NestJS. */
const withoutNest = [
  'version',
  'errors',
  'timing',
  'task',
  'events',
  'inspect',
  'storage',
  'producer',
  'worker',
  'maintenance',
  'admin',
  'cluster',
  'cli',
];
/** The entry points beside `index`, which may use optional peers; the health indicator is also among the providers of the module. */
const entryPoints = ['health', 'metrics', 'tracing', 'dashboard', 'nest/health'];
const optionalPeers = pkg('@nestjs/terminus', 'prom-client', '@willsoto', '@opentelemetry');

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circle',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    ...Object.entries(layers).map(([room, below]) => ({
      name: `${room}-imports-${below.join('-') || 'nothing'}`,
      severity: 'error',
      from: { path: lib(room) },
      to: { path: '^lib/', pathNot: lib(room, ...below) },
    })),
    {
      name: 'known-rooms',
      comment: 'A new folder or file at the top of lib/ needs its place among the layers above',
      severity: 'error',
      from: { path: '^lib/', pathNot: lib(...Object.keys(layers)) },
      to: {},
    },
    {
      name: 'no-nest-below-the-providers',
      severity: 'error',
      from: { path: lib(...withoutNest) },
      to: { path: pkg('@nestjs') },
    },
    {
      name: 'domain-does-no-io',
      severity: 'error',
      from: { path: lib('errors', 'timing', 'task', 'events', 'inspect') },
      to: {
        dependencyTypesNot: ['type-only'],
        path: [pkg('typeorm', 'pg'), '^(node:)?(fs|net|http|https|child_process)(/|$)'],
      },
    },
    {
      name: 'optional-peers-stay-in-their-folders',
      severity: 'error',
      from: { path: '^(lib|migrations)/', pathNot: lib(...entryPoints) },
      to: { path: optionalPeers },
    },
    {
      name: 'the-core-does-not-reach-optional-peers',
      severity: 'error',
      from: { path: '^lib/index\\.ts$' },
      to: { path: optionalPeers, reachable: true },
    },
    {
      name: 'the-core-does-not-reach-the-dashboard',
      severity: 'error',
      from: { path: '^lib/index\\.ts$' },
      to: { path: lib('dashboard'), reachable: true },
    },
    {
      name: 'shipped-code-imports-shipped-packages',
      comment: 'Only dependencies and peer dependencies are there when the package is installed',
      severity: 'error',
      from: { path: '^(lib|migrations)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'],
      },
    },
    {
      name: 'shipped-code-imports-shipped-files',
      severity: 'error',
      from: { path: '^(lib|migrations)/' },
      to: { path: '^(test|scripts|bench|sample|docs)/' },
    },
    {
      name: 'migrations-import-storage',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^lib/', pathNot: lib('storage') },
    },
    {
      name: 'pages-import-what-the-server-sends',
      comment: 'The pages and the server share the types and constants of this file, and nothing else',
      severity: 'error',
      from: { path: '^dashboard/' },
      to: { path: '^(lib|migrations)/', pathNot: '^lib/dashboard/dashboard-api\\.ts$' },
    },
    {
      name: 'index-alone-imports-migrations',
      severity: 'error',
      from: { path: '^lib/', pathNot: lib('index') },
      to: { path: '^migrations/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|docs/api|sample/(dist|node_modules))/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
