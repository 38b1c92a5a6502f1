import { defineTask } from '../../lib/index.js';

export const WORK = defineTask<{ step: number; takesMs: number | null }>({
  kind: 1,
  name: 'work',
  maxAttempts: 3,
  terminalTasksTtl: '1h',
});

export const FOLLOW_UP = defineTask<number>({ kind: 2 });
