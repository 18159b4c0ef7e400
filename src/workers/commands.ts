import { callbackFailed, FourDError } from '../errors.ts';
import { generateError, reportError } from './error-handling.ts';
import { currentContext, isThenable, Worker, mainWorker } from './worker.ts';

/** Workers that are alive, or ending, by name. Names are case-sensitive. */
const workers = new Map<string, Worker>();

/** The number of the main process, as in 4D. */
const MAIN_PROCESS_NUMBER = 1;

/**
 * Sends a message to a worker: a call that it runs later, when its turn comes. The worker is created when there is none
 * of that name.
 *
 * @remarks Messages of one worker run in order and never overlap; a promise that `fn` returns is awaited before the next.
 * Arguments are passed by reference. What `fn` throws goes to the worker's error handler ({@link onErrCall}), else to
 * the console. A worker that has been killed and calls itself does nothing; what others send it meanwhile goes to its
 * successor.
 * @param name - name of the worker, case-sensitive; 1 is the main process
 * @see the 4D command CALL WORKER
 */
export function callWorker<Args extends readonly unknown[]>(
  name: string | 1,
  fn: (...args: Args) => unknown,
  ...args: Args
): void {
  if (typeof fn !== 'function' || !isWorkerName(name)) {
    const problem = typeof fn === 'function' ? 'the name must be a text that is not empty, or 1' : 'no function to run';
    generateError(new FourDError('ERR_INVALID_WORKER', `callWorker: ${problem}`), undefined);
    return;
  }
  const target = workerNamed(name) ?? createWorker(name as string);
  const message = (): unknown => runMessage(target, () => fn(...args));
  if (!target.isEnding) target.post(message);
  else if (currentContext().worker !== target) target.messagesForSuccessor.push(() => fn(...args));
}

/**
 * Ends a worker: messages that wait are dropped, the current one finishes, then the sockets and servers that it created
 * are closed (1001, destroyed after 2 s), each with its onTerminate.
 *
 * @remarks An unknown name does nothing. The main process only loses its waiting messages.
 * @param name - name of the worker; by default the current one
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
 * The current worker's own variables. They last from message to message, until the worker is killed; no other worker
 * sees them. The main process has its own too.
 */
export function processVariables(): Record<string, unknown> {
  return currentContext().worker.variables;
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
    for (const message of worker.messagesForSuccessor) callWorker(name, message);
  });
  workers.set(name, worker);
  return worker;
}

/** Runs a message so that nothing it throws gets any further. */
function runMessage(worker: Worker, message: () => unknown): unknown {
  const report = (thrown: unknown): void => reportError(callbackFailed(`worker ${worker.name}`, thrown), worker);
  try {
    const result = message();
    return isThenable(result) ? Promise.resolve(result).then(undefined, report) : undefined;
  } catch (thrown) {
    report(thrown);
    return undefined;
  }
}
