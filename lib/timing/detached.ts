import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

/** Calls a function in the async context in which this package was loaded, before any request. */
const inFirstContext = AsyncLocalStorage.snapshot();

/**
 * Calls `work` in an async context of its own: what begins there, and every timer, socket and promise of it, carries nothing of
 * whoever happened to call, and keeps nothing of it in memory. What `work` enters there stays there.
 */
export function detached<T>(work: () => T): T {
  return inFirstContext(() => isolated(work));
}

/** Calls `work` in a copy of the current async context: a store that it enters (`enterWith`) does not stay with the caller. */
export function isolated<T>(work: () => T): T {
  return new AsyncResource('PgQueue', { requireManualDestroy: true }).runInAsyncScope(work);
}

/** A function that calls its argument in a copy of the async context in which it was made, whoever calls it. */
export function inCurrentContext(): <T>(work: () => T) => T {
  const inThisContext = AsyncLocalStorage.snapshot();
  return (work) => inThisContext(() => isolated(work));
}
