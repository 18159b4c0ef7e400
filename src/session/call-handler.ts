import { ignoreRejection } from '../base/promises.ts';

/**
 * The result of a callback, which may be anything. A promise is awaited before the next callback of the same connection
 * runs. The value itself is ignored.
 */
export type CallbackResult = unknown;

/** Tells whether `handler` has a method of this name. Never throws: a getter that throws counts as no method. */
export function hasCallback(handler: object, name: string): boolean {
  try {
    return typeof (handler as Record<string, unknown>)[name] === 'function';
  } catch (thrown) {
    ignoreRejection(thrown);
    return false;
  }
}

/** Tells whether an object has one of these callbacks. Never throws. */
export function hasSomeCallback(handler: object, names: readonly string[]): boolean {
  return names.some((name) => hasCallback(handler, name));
}

/** Calls a method of a handler, if there is one. All callbacks of handlers are called here. */
export function callHandler(handler: object, name: string, subject: object, event: object): unknown {
  const callback = (handler as Record<string, unknown>)[name];
  return typeof callback === 'function' ? (callback.call(handler, subject, event) as unknown) : undefined;
}
