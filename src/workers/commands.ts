import { AsyncResource } from 'node:async_hooks';
import { follow } from '../base/promises.ts';
import { codeFailed, FourDError } from '../errors.ts';
import { generateError, generateInvalidArgument, reportError } from './error-handling.ts';
import { currentContext, isThenable, Worker, mainWorker } from './worker.ts';

/** Workers that are alive, or ending, by name. Names are case-sensitive. */
const workers = new Map<string, Worker>();

/** The process number of the main process, as in 4D. */
const MAIN_PROCESS_NUMBER = 1;

/**
 * Sends a message to a worker: a call that the worker runs in a later turn. The worker is created when there is no
 * worker of that name.
 *
 * @remarks Messages of one worker run in order and never overlap; a promise that `fn` returns is awaited before the
 * next message. Arguments are passed by reference. As with `setImmediate`, `fn` sees the values that `AsyncLocalStorage`
 * gives the caller. Errors that `fn` throws go to the worker's error handler ({@link onErrCall}), else to the console,
 * with the errCode of a FourDError that was thrown, else -1. A message that a killed worker sends to itself is dropped; a
 * message that others send to a killed worker goes to its successor.
 * @param name - name of the worker, case-sensitive; 1 is the main process
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_ARGUMENT` when `fn` is no function,
 *   `ERR_INVALID_WORKER` when `name` cannot name a worker
 * @see the 4D command CALL WORKER
 */
export function callWorker<Args extends readonly unknown[]>(
  name: string | 1,
  fn: (...args: Args) => unknown,
  ...args: Args
): void {
  if (typeof fn !== 'function') {
    generateInvalidArgument(fn, 'callWorker() takes the function to run, not its name or its result');
    return;
  }
  if (!isWorkerName(name)) {
    const message = 'cannot call the worker: the name must be a string that is not empty, or 1';
    generateError(new FourDError('ERR_INVALID_WORKER', message), undefined);
    return;
  }
  const target = workerNamed(name) ?? createWorker(name as string);
  if (!target.isEnding) target.post(() => runMessage(target, () => fn(...args)));
  else if (currentContext().worker !== target) {
    const call = (): void => callWorker(name, fn, ...args);
    target.messagesForSuccessor.push(AsyncResource.bind(call));
  }
}

/**
 * Ends a worker: messages that wait are dropped, the current message finishes, then the sockets and servers that the
 * worker created are closed with 1001, each with its onTerminate. Those that are not closed 2 s after the call are cut off:
 * onTerminate with 1006 and the cause `'worker'`, without onError. A message that takes longer than these 2 s does not hold
 * up the sockets; onTerminate and the successor of the worker wait for it.
 *
 * @remarks An unknown name does nothing. The main process only loses its waiting messages.
 * @param name - name of the worker; by default the current worker
 * @see the 4D command KILL WORKER
 */
export function killWorker(name?: string | 1): void {
  const target = name === undefined ? currentContext().worker : workerNamed(name);
  target?.kill();
}

/**
 * Name of the worker in which the calling code runs, also after an await; `'Main process'` outside any worker.
 *
 * @see the 4D command Current process name
 */
export function currentProcessName(): string {
  return currentContext().worker.name;
}

/**
 * The process variables of the current worker. They last from message to message until the worker is killed, and no
 * other worker sees them. The main process has variables of its own too.
 *
 * @typeParam Variables - what your code keeps in them; nothing checks that it is there, so give members that may be missing
 *   as optional
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it keeps there
export function processVariables<Variables extends object = Record<string, unknown>>(): Variables {
  return currentContext().worker.variables as Variables;
}

function isWorkerName(name: unknown): boolean {
  return name === MAIN_PROCESS_NUMBER || (typeof name === 'string' && name !== '');
}

function workerNamed(name: string | 1): Worker | undefined {
  return name === MAIN_PROCESS_NUMBER || name === mainWorker.name ? mainWorker : workers.get(name);
}

function createWorker(name: string): Worker {
  const worker: Worker = new Worker(name, () => {
    workers.delete(name);
    for (const call of worker.messagesForSuccessor) call();
  });
  workers.set(name, worker);
  return worker;
}

/**
 * Runs a message, and reports what it throws instead of passing it on.
 *
 * @returns undefined, or a promise that never rejects
 */
function runMessage(worker: Worker, message: () => unknown): PromiseLike<void> | undefined {
  try {
    const result = message();
    return isThenable(result) ? finishMessage(worker, result) : undefined;
  } catch (thrown) {
    reportError(codeFailed(`worker ${worker.name}`, thrown), worker);
    return undefined;
  }
}

async function finishMessage(worker: Worker, result: PromiseLike<unknown>): Promise<void> {
  try {
    await follow(result);
  } catch (thrown) {
    reportError(codeFailed(`worker ${worker.name}`, thrown), worker);
  }
}
