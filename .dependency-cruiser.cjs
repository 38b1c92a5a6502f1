/**
 * Imports in lib/ go one way: index → module → health, metrics, tracing, dashboard → maintenance, worker, producer → handlers,
 * storage → task.
 */
const lib = (...folders) => `^lib/(${folders.join('|')})/`;
const pkg = (...names) => `^node_modules/(${names.join('|')})/`;

/** The rooms of lib/, lowest first, and the rooms that each may import from besides itself. */
const layers = {
  errors: [],
  timing: ['errors'],
  task: ['errors', 'timing'],
  events: ['errors', 'timing', 'task'],
  inspect: ['errors', 'timing', 'task', 'events'],
  handlers: ['errors', 'timing', 'task', 'events'],
  storage: ['errors', 'timing', 'task', 'events', 'inspect'],
  producer: ['errors', 'timing', 'task', 'events', 'handlers', 'storage'],
  worker: ['errors', 'timing', 'task', 'events', 'inspect', 'handlers', 'storage'],
  maintenance: ['errors', 'timing', 'task', 'events', 'inspect', 'storage', 'worker'],
  admin: ['errors', 'timing', 'task', 'events', 'inspect', 'storage'],
  cluster: [
    'errors', 'timing', 'task', 'events', 'inspect', 'handlers', 'storage', 'producer', 'worker', 'maintenance', 'admin', 'version',
  ],
  nest: ['errors', 'timing', 'task', 'events', 'inspect', 'handlers', 'storage', 'producer', 'cluster'],
  health: ['nest'],
  metrics: ['timing', 'task', 'events', 'inspect', 'handlers', 'cluster', 'nest'],
  tracing: ['errors', 'events', 'version'],
  dashboard: ['errors', 'timing', 'task', 'events', 'inspect', 'admin', 'cluster'],
  cli: ['errors', 'timing', 'events', 'inspect', 'storage', 'admin', 'cluster'],
};
/** These are tested, and could be used, without NestJS. */
const withoutNest = ['task', 'worker', 'maintenance', 'admin', 'cli'];
/** These bring injectables of their own, and so may use the public ones. */
const extras = ['health', 'metrics', 'tracing', 'dashboard'];
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
    ...Object.entries(layers).map(([folder, below]) => ({
      name: `${folder}-imports-${below.join('-') || 'nothing'}`,
      severity: 'error',
      from: { path: lib(folder) },
      to: { path: '^lib/[^/]+/', pathNot: lib(folder, ...below) },
    })),
    {
      name: 'known-folders',
      comment: 'A new folder of lib/ needs its place among the layers above',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: lib(...Object.keys(layers)) },
      to: {},
    },
    {
      name: 'top-level-is-imported-by-extras-only',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: lib(...extras) },
      to: { path: '^lib/[^/]+\\.ts$' },
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
      from: { path: lib('task') },
      to: {
        dependencyTypesNot: ['type-only'],
        path: [pkg('typeorm', 'pg'), '^(node:)?(fs|net|http|https|child_process)(/|$)'],
      },
    },
    {
      name: 'optional-peers-stay-in-their-folders',
      severity: 'error',
      from: { path: '^(lib|migrations)/', pathNot: lib(...extras) },
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
      name: 'top-level-only-imports-migrations',
      severity: 'error',
      from: { path: '^lib/[^/]+/' },
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
