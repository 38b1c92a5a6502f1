import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // The documents' examples import the package by its name.
    alias: [
      { find: /^nestjs-pgqueue$/, replacement: fileURLToPath(new URL('lib/index.ts', import.meta.url)) },
      {
        find: /^nestjs-pgqueue\/(dashboard|health|metrics|tracing)$/,
        replacement: fileURLToPath(new URL('lib/$1/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['test/**/*.spec.ts'],
    exclude: [...configDefaults.exclude, 'test/faults/**', 'test/browser/**'],
    globalSetup: ['test/support/database-server.ts'],
    setupFiles: ['test/support/no-leak-warnings.ts'],
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    pool: 'forks',
    // Tests wait for the database and for timers more than they compute.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
