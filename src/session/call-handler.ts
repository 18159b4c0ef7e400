/**
 * What a callback may return: anything. A promise is awaited before the next callback of the same connection; its value,
 * like any other, is dropped.
 */
export type CallbackResult = unknown;

/** Tells whether `handler` has a method of this name. Never throws: a getter that does is no method. */
export function hasCallback(handler: object, name: string): boolean {
  try {
    return typeof (handler as Record<string, unknown>)[name] === 'function';
  } catch {
    return false;
  }
}

/** Calls a method of a handler: the one place that runs user code. Does nothing when there is no such method. */
export function callHandler(handler: object, name: string, subject: object, event: object): unknown {
  const callback = (handler as Record<string, unknown>)[name];
  return typeof callback === 'function' ? (callback.call(handler, subject, event) as unknown) : undefined;
}
