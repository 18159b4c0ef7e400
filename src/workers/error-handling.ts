import { follow, ignoreRejection } from '../base/promises.ts';
import { type ErrorItem, FourDError, itemOfThrown, textOfThrown } from '../errors.ts';
import { currentContext, type ErrorHandler, isThenable, runInContext, type TryScope, type Worker } from './worker.ts';

/** Scopes of {@link onErrCall}, named as in 4D. */
export const ek: { readonly local: 'local'; readonly global: 'global' } = { local: 'local', global: 'global' };

let globalHandler: ErrorHandler | undefined;

/**
 * Installs a handler for generated errors, instead of exceptions.
 *
 * @remarks With a handler, a call that generates an error calls the handler once and returns its failing value (null or
 * undefined). Errors within `tryExpr` do not reach the handler. A local handler hides the global handler. An error that
 * is generated within a handler is thrown there. An error that a handler throws goes to the caller of the failing call,
 * or to the console where there is no caller.
 * @param handler - called with the error stack; null or `''` removes the handler
 * @param scope - `ek.local` (default): errors of the current worker or main process; `ek.global`: errors of all of them
 * @throws FourDError (or what the installed handler makes of it) `ERR_INVALID_ARGUMENT`: the installed handler stays
 * @see the 4D command ON ERR CALL
 */
export function onErrCall(handler: ErrorHandler | null | '', scope: 'local' | 'global' = ek.local): void {
  if (typeof handler !== 'function' && handler !== null && handler !== '') {
    generateInvalidArgument(handler, 'onErrCall() takes the error handler itself, not its name; null or "" removes it');
    return;
  }
  const installed = typeof handler === 'function' ? handler : undefined;
  if (scope === ek.global) globalHandler = installed;
  else currentContext().worker.errorHandler = installed;
}

/**
 * The current error stack, the most specific item first.
 *
 * @returns the items inside an error handler, and after a `tryExpr` in which something failed until the next `tryExpr`;
 *   null outside any error
 * @see the 4D command Last errors
 */
export function lastErrors(): readonly ErrorItem[] | null {
  return currentContext().worker.lastErrors;
}

/**
 * Evaluates an expression, and keeps every error of it: generated errors and exceptions alike.
 *
 * @returns the value; undefined when the expression threw or rejected; the failing value (null or undefined) of a call
 *   in the expression that generated an error. The error items are in {@link lastErrors}. The errCode of an item is that
 *   of the FourDError that was thrown, and -1 for any other value
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_ARGUMENT` when `expression` is no function
 * @see the 4D command Try
 */
export function tryExpr<T>(expression: () => Promise<T>): Promise<T | undefined>;
export function tryExpr<T>(expression: () => T): T | undefined;
export function tryExpr(expression: () => unknown): unknown {
  if (typeof expression !== 'function') {
    generateInvalidArgument(expression, 'tryExpr() takes a function: write tryExpr(() => …)');
    return undefined;
  }
  const { worker, tryScope: outer } = currentContext();
  const tryScope: TryScope = { errors: [], outer, isOver: false };
  worker.lastErrors = null;
  const end = (): void => {
    tryScope.isOver = true;
    worker.lastErrors = tryScope.errors.length > 0 ? tryScope.errors : null;
  };
  const succeed = (value: unknown): unknown => {
    end();
    return value;
  };
  const fail = (thrown: unknown): undefined => {
    tryScope.errors.unshift(itemOfThrown(thrown));
    end();
  };
  const succeedLater = async (result: PromiseLike<unknown>): Promise<unknown> => {
    try {
      return succeed(await follow(result));
    } catch (thrown) {
      return fail(thrown);
    }
  };
  try {
    const result = runInContext({ worker, tryScope }, expression);
    return isThenable(result) ? succeedLater(result) : succeed(result);
  } catch (thrown) {
    return fail(thrown);
  }
}

/**
 * Generates an error with the caller's own code and message.
 *
 * @param code - `errCode` of the error item; -1 where it is no number
 * @param text - message of the error item
 * @returns undefined, when `tryExpr` or an error handler took the error
 * @throws FourDError `ERR_THROWN` when neither took it
 * @see the 4D command throw
 */
export function throwError(code: number, text: string): undefined {
  const errCode = typeof code === 'number' ? code : -1;
  return generateError(new FourDError('ERR_THROWN', textOfThrown(text), { errCode }), undefined);
}

/** Generates the error of an argument that is not the function it should be. */
export function generateInvalidArgument(argument: unknown, problem: string): void {
  // The result of an asynchronous function may stand in place of the function: nobody else hears of its rejection.
  ignoreRejection(argument);
  generateError(new FourDError('ERR_INVALID_ARGUMENT', `invalid argument: ${problem}`), undefined);
}

/**
 * Generates an error, as 4D names it. Exactly one of these happens: the running `tryExpr` keeps the error, the handler
 * of the current worker is called, the global handler is called, or the error is thrown.
 *
 * @param failingValue - what the failing call returns when it does not throw
 */
export function generateError<T>(error: FourDError, failingValue: T): T {
  const { worker, tryScope } = currentContext();
  const running = runningScope(tryScope);
  if (running !== undefined) {
    running.errors.unshift(itemOfThrown(error));
    worker.lastErrors = running.errors;
    return failingValue;
  }
  const handler = handlerOf(worker);
  if (handler === undefined) throw error;
  callHandler(worker, handler, error);
  return failingValue;
}

/**
 * Reports an error that has no caller: to the error handler of the worker, else to the console. Never throws.
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

function runningScope(tryScope: TryScope | undefined): TryScope | undefined {
  let found = tryScope;
  while (found?.isOver === true) found = found.outer;
  return found;
}

/** The handler for an error of a worker. Undefined while a handler runs: its own errors would call it without end. */
function handlerOf(worker: Worker): ErrorHandler | undefined {
  return worker.isHandlingError ? undefined : (worker.errorHandler ?? globalHandler);
}

function callHandler(worker: Worker, handler: ErrorHandler, error: FourDError): void {
  const previousErrors = worker.lastErrors;
  const errors = [itemOfThrown(error)];
  worker.lastErrors = errors;
  worker.isHandlingError = true;
  try {
    const result: unknown = handler(errors);
    void printRejection(result);
  } finally {
    worker.isHandlingError = false;
    worker.lastErrors = previousErrors;
  }
}

/** Prints an error that no handler took: it must neither go unnoticed nor end the Node process. Never throws. */
function printError(error: unknown): void {
  // The console runs code of what it prints, such as getters and `util.inspect.custom`.
  const text = textOfThrown(error);
  if (!tryToPrint(error)) tryToPrint(text);
}

/** Prints the rejection of an asynchronous error handler, which nobody awaits. Never rejects. */
async function printRejection(result: unknown): Promise<void> {
  try {
    if (isThenable(result)) await follow(result);
  } catch (thrown) {
    printError(thrown);
  }
}

function tryToPrint(value: unknown): boolean {
  try {
    // oxlint-disable-next-line no-console -- the last resort for an error that nobody handles
    console.error(value);
    return true;
  } catch {
    return false;
  }
}
