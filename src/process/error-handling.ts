import { type ErrorItem, FourDError } from '../errors.ts';
import {
  currentContext,
  type ErrorHandler,
  type ExecutionContext,
  isThenable,
  type LogicalProcess,
  runInContext,
} from './logical-process.ts';

/** Scopes of {@link onErrCall}, named as in 4D. */
export const ek: { readonly local: 'local'; readonly global: 'global' } = { local: 'local', global: 'global' };

let globalHandler: ErrorHandler | undefined;

/**
 * Installs a handler for generated errors, instead of exceptions.
 *
 * @remarks With a handler, a call that generates an error calls it once and goes on with its failing value (null or
 * undefined). Errors within `tryExpr` do not reach it. A local handler hides the global one.
 * @param handler - called with the error stack; null or `''` removes the handler
 * @param scope - `ek.local` (default): errors of the current worker or main process; `ek.global`: of all
 * @see the 4D command ON ERR CALL
 */
export function onErrCall(handler: ErrorHandler | null | '', scope: 'local' | 'global' = ek.local): void {
  const installed = typeof handler === 'function' ? handler : undefined;
  if (scope === ek.global) globalHandler = installed;
  else currentContext().process.errorHandler = installed;
}

/**
 * The current error stack, the most specific item first.
 *
 * @returns the items inside an error handler, and after a `tryExpr` in which something failed until the next one;
 *   null outside any error
 * @see the 4D command Last errors
 */
export function lastErrors(): readonly ErrorItem[] | null {
  return currentContext().process.lastErrors;
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
  const { process } = currentContext();
  process.lastErrors = null;
  const attempt = { errors: [] as ErrorItem[] };
  const caught = (thrown: unknown): undefined => addToAttempt(process, attempt.errors, thrown);
  try {
    const result = runInContext({ process, attempt }, expression);
    return isThenable(result) ? Promise.resolve(result).then((value) => value, caught) : result;
  } catch (thrown) {
    return caught(thrown);
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
 * @param context - where the call began, when that is not where it fails
 */
export function generateError<T>(error: FourDError, failingValue: T, context: ExecutionContext = currentContext()): T {
  const { process, attempt } = context;
  if (attempt !== undefined) {
    addToAttempt(process, attempt.errors, error);
    return failingValue;
  }
  const handler = process.errorHandler ?? globalHandler;
  if (handler === undefined) throw error;
  callHandler(process, handler, error);
  return failingValue;
}

/**
 * Reports an error that no caller waits for: to the handler of the process, else to the console, never by an exception.
 */
export function reportError(error: FourDError, process: LogicalProcess): void {
  const handler = process.errorHandler ?? globalHandler;
  if (handler === undefined) {
    // oxlint-disable-next-line no-console -- the last resort for a mistake that nobody handles
    console.error(error);
    return;
  }
  try {
    process.enter(() => callHandler(process, handler, error));
  } catch (thrown) {
    // oxlint-disable-next-line no-console -- an error handler that fails must not fail the process
    console.error(thrown);
  }
}

function callHandler(process: LogicalProcess, handler: ErrorHandler, error: FourDError): void {
  process.lastErrors = [error.item];
  try {
    handler(process.lastErrors);
  } finally {
    process.lastErrors = null;
  }
}

function addToAttempt(process: LogicalProcess, errors: ErrorItem[], thrown: unknown): undefined {
  errors.unshift(toItem(thrown));
  process.lastErrors = errors;
  return undefined;
}

function toItem(thrown: unknown): ErrorItem {
  if (thrown instanceof FourDError) return thrown.item;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FourDError('ERR_THROWN', message, { cause: thrown, componentSignature: 'host' }).item;
}
