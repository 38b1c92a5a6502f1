import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

/** The async context in which the package was loaded: before any request. */
const inFirstContext = AsyncLocalStorage.snapshot();

/**
 * Calls `work` in an async context of its own: what begins there, and every timer, socket and promise of it, carries nothing of
 * whoever happened to call, and keeps nothing of it in memory. What `work` enters there stays there.
 */
export function detached<T>(work: () => T): T {
  return inFirstContext(() => aside(work));
}

/** Calls `work` so that a store that it enters (`enterWith`) does not stay with the caller; what the caller has it sees. */
export function aside<T>(work: () => T): T {
  return new AsyncResource('PgQueue', { requireManualDestroy: true }).runInAsyncScope(work);
}
