import { configDefaults, defineConfig } from 'vitest/config';
import base, { LONG } from './vitest.config.js';

/** What of the fault suite takes minutes: `npm run build` first. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: LONG, exclude: configDefaults.exclude },
});
