import { AsyncResource } from 'node:async_hooks';

/** Holds the `AsyncLocalStorage` contexts of the code that has loaded the library, which are none as a rule. */
const resource = new AsyncResource('4D-WebSocket-Library', { requireManualDestroy: true });

/**
 * Starts what all connections share, such as their timer, in the contexts of the library.
 *
 * @remarks A shared timer would otherwise run in the contexts of the connection that happened to start it, and keep
 * them from being collected. Listeners of the user on a socket that the timer destroys would run in them.
 */
export function runInOwnContext<T>(start: () => T): T {
  return resource.runInAsyncScope(start);
}
