import { setImmediate } from '../base/clock.ts';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { isPromise } from 'node:util/types';
import type { ErrorItem } from '../errors.ts';
import { EndingOrder } from '../base/ending-order.ts';
import { Queue } from '../base/queue.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** The handler that `onErrCall` installs for the errors of a worker, or of all workers. */
export type ErrorHandler = (errors: readonly ErrorItem[]) => void;

/** The scope of a `tryExpr`, which keeps the errors that are generated within it while it runs. */
export interface TryScope {
  /** The errors, the latest (that is, the most specific) first. */
  readonly errors: ErrorItem[];
  /** The scope around this scope. */
  readonly outer: TryScope | undefined;
  /** True when the `tryExpr` is over. Code that it started may still run, but its errors belong to the outer scope. */
  isOver: boolean;
}

/** The worker in which code runs, and the `tryExpr` around it. The context follows the code across every await. */
export interface ExecutionContext {
  readonly worker: Worker;
  readonly tryScope: TryScope | undefined;
}

/** How long a worker may take to end when it is killed: its current message, then the peers of its sockets. */
const END_TIMEOUT_MS = 2000;
/** How long peers have to answer the close frame when the message has taken all that time. */
const LATE_CLOSE_MS = 100;

/**
 * A socket or server that its worker closes when the worker ends. It must call {@link Worker.disown} when its last
 * callback is over.
 */
export interface WorkerResource {
  /** Closes the resource with a closing handshake. A socket joins the {@link Worker.endingOrder}. */
  onWorkerEnding(): void;
  /** The peers had their time: cuts what is not closed. */
  onWorkerOverdue(): void;
}

/** A message or socket callback that waits for its turn in a worker. */
interface Task {
  readonly run: () => unknown;
  /** Called when the task is over, whether it succeeded or failed. */
  readonly done: (() => void) | undefined;
  /**
   * The code that sent a message, whose `AsyncLocalStorage` contexts the message gets: messages share a turn of the event
   * loop, and the first one of them has asked for it. Undefined for socket callbacks, which have a scope of their own.
   * Messages are dropped when the worker is killed; socket callbacks are not.
   */
  readonly sender: AsyncResource | undefined;
}

/**
 * `alive`: the worker takes messages. `killed`: the message that runs is the last one. `closing`: that message is over,
 * or its time is, and the resources of the worker are being closed. `ended`: all resources are closed.
 */
type WorkerState = 'alive' | 'killed' | 'closing' | 'ended';

/**
 * A worker on this thread: a name, variables and an error handler of its own, and a queue of tasks that run one at a
 * time. A promise that a task returns is awaited before the next task.
 *
 * @see the 4D command CALL WORKER
 */
export class Worker implements Deadline {
  readonly name: string;
  readonly isMain: boolean;
  /** The process variables of this worker. */
  readonly variables: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  errorHandler: ErrorHandler | undefined;
  /** True while an error handler runs: the handler is not called for its own errors. */
  isHandlingError = false;
  lastErrors: readonly ErrorItem[] | null = null;
  /** Calls that send what others sent while this worker was ending. Its successor runs these messages first. */
  messagesForSuccessor: (() => unknown)[] = [];
  /** The context of code that runs in this worker, outside any `tryExpr`. */
  readonly context: ExecutionContext = { worker: this, tryScope: undefined };
  readonly #onEnded: (() => void) | undefined;
  readonly #resources = new Set<WorkerResource>();
  /** The order in which the sockets end that the worker closes; undefined until it closes them. */
  #endingOrder: EndingOrder<WorkerResource> | undefined;
  /** The ticket of the deadline for the end, undefined while there is none. */
  #ticket: number | undefined;
  #tasks = new Queue<Task>();
  #taskCount = 0;
  #isBusy = false;
  #isScheduled = false;
  #isRunningTasks = false;
  #state: WorkerState = 'alive';

  /** @param onEnded - called when a killed worker has ended; undefined for the main process, which never ends */
  constructor(name: string, onEnded: (() => void) | undefined) {
    this.name = name;
    this.isMain = onEnded === undefined;
    this.#onEnded = onEnded;
  }

  /** True from the moment the worker was killed. */
  get isEnding(): boolean {
    return this.#state !== 'alive';
  }

  /** The order in which the sockets of this worker end; undefined while the worker closes none. */
  get endingOrder(): EndingOrder<WorkerResource> | undefined {
    return this.#endingOrder;
  }

  /** Queues a message, which runs in a later turn of the event loop. */
  post(run: () => unknown): void {
    this.#add({ run, done: undefined, sender: new AsyncResource('4D-WorkerMessage') });
    this.#schedule();
  }

  /**
   * Runs a socket callback as a task of this worker: at once when the worker is idle, else behind the tasks that wait.
   *
   * @param run - must not throw; a promise that it returns must not reject
   * @param done - called when the task is over
   */
  runTask(run: () => unknown, done?: () => void): void {
    this.#add({ run, done, sender: undefined });
    if (!this.#isBusy && !this.#isScheduled) this.#runTasks();
  }

  /** As {@link runTask}, but in front of all tasks that wait. Only while the worker is not busy: see {@link isBusy}. */
  runTaskFirst(run: () => unknown, done: () => void): void {
    this.#run({ run, done, sender: undefined });
  }

  /** Whether a task is running, or waits for a promise. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether the calling code runs in this worker, outside any `tryExpr`. */
  get isCurrent(): boolean {
    return currentContext() === this.context;
  }

  /** Runs code in the context of this worker at once, whichever worker calls. */
  enter<T>(run: () => T): T {
    return this.isCurrent ? run() : runInContext(this.context, run);
  }

  /** Registers a resource to close when this worker ends. The main process never ends, and holds none. */
  own(resource: WorkerResource): void {
    if (this.isMain) return;
    this.#resources.add(resource);
    // The last message of a killed worker may create a resource after the others were closed.
    if (this.#state !== 'closing' && this.#state !== 'ended') return;
    if (this.#ticket === undefined) this.#setDeadline(END_TIMEOUT_MS);
    setImmediate(() => resource.onWorkerEnding());
  }

  /** The counterpart of {@link own}. */
  disown(resource: WorkerResource): void {
    this.#resources.delete(resource);
    if (!this.isEnding) return;
    if (this.#resources.size === 0 && this.#state !== 'killed') this.#cancelDeadline();
    this.#schedule();
  }

  /**
   * Drops waiting messages. A named worker then ends: its current task finishes, and its resources are closed, at the
   * latest after {@link END_TIMEOUT_MS} even if the task still runs.
   */
  kill(): void {
    const tasks = this.#tasks;
    this.#tasks = new Queue();
    this.#taskCount = 0;
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift())
      if (task.sender === undefined) this.#add(task);
    if (this.isMain) return;
    // A second kill from outside is meant for the successor; a worker that kills itself does not know of a successor.
    if (currentContext().worker !== this) this.messagesForSuccessor = [];
    if (this.isEnding) return;
    this.#state = 'killed';
    this.#setDeadline(END_TIMEOUT_MS);
    this.#schedule();
  }

  onDeadline(): void {
    this.#ticket = undefined;
    if (this.#state === 'killed') {
      this.#setDeadline(LATE_CLOSE_MS);
      this.#closeResources();
      return;
    }
    // A busy program may have answers to read: the event loop reads them before an immediate runs.
    setImmediate(() => {
      for (const resource of this.#resources) resource.onWorkerOverdue();
    });
  }

  #add(task: Task): void {
    this.#tasks.push(task);
    this.#taskCount++;
  }

  /** Runs the tasks in a later turn, so that the caller of {@link post} goes on first. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#runTasks();
    });
  }

  /**
   * Runs the tasks that wait. Tasks that these add wait for the next turn of the event loop: a worker that calls itself
   * lets others run, and the stack does not grow with the queue.
   */
  #runTasks(): void {
    if (this.#isRunningTasks) return;
    this.#isRunningTasks = true;
    for (let remaining = this.#taskCount; !this.#isBusy; remaining--) {
      // Busy sockets would never leave the queue empty, so a killed worker does not wait for that.
      if (this.#state === 'killed') this.#closeResources();
      const task = remaining > 0 ? this.#tasks.shift() : undefined;
      if (task === undefined) break;
      this.#taskCount--;
      this.#run(task);
    }
    this.#isRunningTasks = false;
    if (this.#isBusy) return;
    if (this.#taskCount > 0) this.#schedule();
    else this.#endIfOver();
  }

  #run(task: Task): void {
    this.#isBusy = true;
    const enter = (): unknown => this.enter(task.run);
    const result = task.sender === undefined ? enter() : task.sender.runInAsyncScope(enter);
    const finish = (): void => {
      this.#isBusy = false;
      task.done?.();
    };
    if (!isThenable(result)) {
      finish();
      return;
    }
    void result.then(() => {
      finish();
      // A message that was posted meanwhile has scheduled a turn: promises alone must not block the event loop.
      return this.#isScheduled ? undefined : this.#runTasks();
    });
  }

  #setDeadline(timeoutMs: number): void {
    this.#ticket = timers.schedule(this, timeoutMs);
  }

  #cancelDeadline(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  #closeResources(): void {
    this.#state = 'closing';
    this.#endingOrder = new EndingOrder([]);
    for (const resource of this.#resources) resource.onWorkerEnding();
  }

  #endIfOver(): void {
    if (this.#state !== 'closing' || this.#resources.size > 0) return;
    this.#state = 'ended';
    this.#cancelDeadline();
    this.#onEnded?.();
  }
}

/** The main process: runs all code that runs in no named worker. */
export const mainWorker: Worker = new Worker('Main process', undefined);

/**
 * Created when the first worker or `tryExpr` needs it. Programs without workers do not pay for following contexts
 * across awaits.
 */
let storage: AsyncLocalStorage<ExecutionContext> | undefined;

/** The context of the code that is running. */
export function currentContext(): ExecutionContext {
  return storage?.getStore() ?? mainWorker.context;
}

/** Runs code, and all code that it starts, in a context. */
export function runInContext<T>(context: ExecutionContext, run: () => T): T {
  storage ??= new AsyncLocalStorage();
  return storage.run(context, run);
}

/** Tells whether the result of a callback must be awaited. A promise must, whatever user code has made of its `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return isPromise(value) || typeof (value as { then?: unknown }).then === 'function';
}
