import { type ErrorItem, FourDError, textOfThrown } from '../errors.ts';
import { type Attempt, currentContext, type ErrorHandler, isThenable, type Worker, runInContext } from './worker.ts';

/** Scopes of {@link onErrCall}, named as in 4D. */
export const ek: { readonly local: 'local'; readonly global: 'global' } = { local: 'local', global: 'global' };

let globalHandler: ErrorHandler | undefined;

/**
 * Installs a handler for generated errors, instead of exceptions.
 *
 * @remarks With a handler, a call that generates an error calls it once and goes on with its failing value (null or
 * undefined). Errors within `tryExpr` do not reach it. A local handler hides the global one. What fails within a
 * handler is thrown there; what a handler throws goes to the caller of the failing call, or to the console where there
 * is none.
 * @param handler - called with the error stack; null or `''` removes the handler
 * @param scope - `ek.local` (default): errors of the current worker or main process; `ek.global`: of all
 * @see the 4D command ON ERR CALL
 */
export function onErrCall(handler: ErrorHandler | null | '', scope: 'local' | 'global' = ek.local): void {
  const installed = typeof handler === 'function' ? handler : undefined;
  if (scope === ek.global) globalHandler = installed;
  else currentContext().worker.errorHandler = installed;
}

/**
 * The current error stack, the most specific item first.
 *
 * @returns the items inside an error handler, and after a `tryExpr` in which something failed until the next one;
 *   null outside any error
 * @see the 4D command Last errors
 */
export function lastErrors(): readonly ErrorItem[] | null {
  return currentContext().worker.lastErrors;
}

/**
 * Evaluates an expression, and keeps every error to itself: generated ones and exceptions alike.
 *
 * @returns the value; undefined when it threw or rejected; the failing value (null or undefined) of a call in it that
 *   generated an error. The items are in {@link lastErrors}.
 * @see the 4D command Try
 */
export function tryExpr<T>(expression: () => Promise<T>): Promise<T | undefined>;
export function tryExpr<T>(expression: () => T): T | undefined;
export function tryExpr(expression: () => unknown): unknown {
  const { worker, attempt: outer } = currentContext();
  const attempt: Attempt = { errors: [], outer, isOver: false };
  worker.lastErrors = null;
  const end = (): void => {
    attempt.isOver = true;
    worker.lastErrors = attempt.errors.length > 0 ? attempt.errors : null;
  };
  const succeed = (value: unknown): unknown => {
    end();
    return value;
  };
  const fail = (thrown: unknown): undefined => {
    attempt.errors.unshift(toItem(thrown));
    end();
  };
  try {
    const result = runInContext({ worker, attempt }, expression);
    return isThenable(result) ? Promise.resolve(result).then(succeed, fail) : succeed(result);
  } catch (thrown) {
    return fail(thrown);
  }
}

/**
 * Generates an error of the caller's own.
 *
 * @param code - `errCode` of the error item
 * @param text - its message
 * @returns undefined, when `tryExpr` or an error handler took the error
 * @throws FourDError `ERR_THROWN` when nobody did
 * @see the 4D command throw
 */
export function throwError(code: number, text: string): undefined {
  return generateError(new FourDError('ERR_THROWN', text, { errCode: code, componentSignature: 'host' }), undefined);
}

/**
 * The error operation: what every call does that "generates an error". Exactly one of: the running `tryExpr` keeps it,
 * the handler of the current process is called, the global handler is called, it is thrown.
 *
 * @param failingValue - what the failing call returns when it does not throw
 */
export function generateError<T>(error: FourDError, failingValue: T): T {
  const { worker, attempt } = currentContext();
  const taker = runningAttempt(attempt);
  if (taker !== undefined) {
    taker.errors.unshift(error.item);
    worker.lastErrors = taker.errors;
    return failingValue;
  }
  const handler = handlerOf(worker);
  if (handler === undefined) throw error;
  callHandler(worker, handler, error);
  return failingValue;
}

/**
 * Reports an error that no caller waits for: to the handler of the process, else to the console, never by an exception.
 */
export function reportError(error: FourDError, worker: Worker): void {
  const handler = handlerOf(worker);
  if (handler === undefined) {
    printError(error);
    return;
  }
  try {
    worker.enter(() => callHandler(worker, handler, error));
  } catch (thrown) {
    printError(thrown);
  }
}

function runningAttempt(attempt: Attempt | undefined): Attempt | undefined {
  let found = attempt;
  while (found?.isOver === true) found = found.outer;
  return found;
}

/** The handler that a process's error goes to. None for the errors of a handler: they would call it without end. */
function handlerOf(worker: Worker): ErrorHandler | undefined {
  return worker.isHandlingError ? undefined : (worker.errorHandler ?? globalHandler);
}

function callHandler(worker: Worker, handler: ErrorHandler, error: FourDError): void {
  const before = worker.lastErrors;
  const errors = [error.item];
  worker.lastErrors = errors;
  worker.isHandlingError = true;
  try {
    const result: unknown = handler(errors);
    // Nobody waits for an asynchronous handler.
    if (isThenable(result)) Promise.resolve(result).catch(printError);
  } finally {
    worker.isHandlingError = false;
    worker.lastErrors = before;
  }
}

/** The last resort: an error that nobody handles must neither pass in silence nor end the process. */
function printError(error: unknown): void {
  // oxlint-disable-next-line no-console -- see above
  console.error(error);
}

function toItem(thrown: unknown): ErrorItem {
  if (thrown instanceof FourDError) return thrown.item;
  return new FourDError('ERR_THROWN', textOfThrown(thrown), { cause: thrown, componentSignature: 'host' }).item;
}
