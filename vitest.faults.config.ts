import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The fault suite runs what was built: `npm run build` first. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^nestjs-pgqueue$/, replacement: fileURLToPath(new URL('dist/lib/index.js', import.meta.url)) },
    ],
  },
  test: {
    include: ['test/faults/**/*.spec.ts'],
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    pool: 'forks',
    // Each file starts servers and processes of its own, and measures times.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
