import { configDefaults, defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** The dashboard's pages in a browser, which takes minutes: `npm run build` first. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/browser/**/*.spec.ts'], exclude: configDefaults.exclude },
});
