import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

/** They take minutes, and have a command of their own. */
export const LONG = ['test/faults/restore.spec.ts', 'test/faults/random.spec.ts'];

/** The fault suite runs what was built: `npm run build` first. */
export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^nestjs-pgqueue$/,
        replacement: fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['test/faults/**/*.spec.ts'],
    exclude: [...configDefaults.exclude, ...LONG],
    setupFiles: ['test/support/no-leak-warnings.ts'],
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    pool: 'forks',
    // Each file starts servers and processes of its own, and measures times.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
