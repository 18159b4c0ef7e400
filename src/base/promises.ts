/** The `then` that the engine gave promises, for promises whose own `then` user code has replaced. */
const nativeThen = (Promise.prototype as { then: unknown }).then as (
  this: unknown,
  onFulfilled: undefined,
  onRejected: (reason: unknown) => void,
) => void;

/**
 * Calls `report` with the reason when a promise rejects, so that the rejection does not end the process.
 *
 * @remarks Does nothing for any other value. The `then` of a foreign thenable is not called, because it may be what
 * starts the work.
 */
export function onRejection(value: unknown, report: (reason: unknown) => void): void {
  try {
    nativeThen.call(value, undefined, report);
  } catch {
    // The value is no promise.
  }
}

/** Keeps the rejection of a promise that nobody awaits from ending the process, and that of a promise in its reason. */
export function ignoreRejection(value: unknown): void {
  onRejection(value, ignoreRejection);
}

/**
 * Returns what to await in order to follow a thenable of user code: it settles once, whatever `then` does.
 *
 * @remarks `await` alone does not hear of an asynchronous `then` that fails.
 */
export function follow(thenable: PromiseLike<unknown>): PromiseLike<unknown> {
  if (thenable instanceof Promise) return thenable;
  return new Promise((resolve, reject) => {
    onRejection(thenable.then(resolve, reject), reject);
  });
}
