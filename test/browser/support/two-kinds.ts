import { defineTask, noJitter } from '../../../lib/index.js';

const options = { attemptTimeout: '20s', backoff: noJitter(0), maxAttempts: 1, workerCount: 4 } as const;

export const PARCELS = defineTask<number>({ kind: 1, name: 'parcels', ...options });
export const LETTERS = defineTask<number>({ kind: 2, name: 'letters', ...options });
