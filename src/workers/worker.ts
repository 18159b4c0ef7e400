import { AsyncLocalStorage } from 'node:async_hooks';
import type { ErrorItem } from '../errors.ts';
import { Queue } from '../base/queue.ts';

/** Handles the errors of a process: what `onErrCall` installs. */
export type ErrorHandler = (errors: readonly ErrorItem[]) => void;

/** A `tryExpr`: while it runs, it takes the errors that are generated within it. */
export interface Attempt {
  /** The most specific, that is the latest, first. */
  readonly errors: ErrorItem[];
  /** The one around it. */
  readonly outer: Attempt | undefined;
  /** Code that it started may go on behind it: its errors are no longer the attempt's. */
  isOver: boolean;
}

/** In which process code runs, and within which `tryExpr`. It follows the code across every await. */
export interface ExecutionContext {
  readonly worker: Worker;
  readonly attempt: Attempt | undefined;
}

/** What a process closes when it ends. */
export interface WorkerResource {
  /** Closes it. It must give itself back with {@link Worker.disown} when its last callback is over. */
  onWorkerEnding(): void;
}

/** Something that waits for its turn in a worker. */
interface Task {
  readonly run: () => unknown;
  /** Called when the task is over, whatever became of it. */
  readonly done: (() => void) | undefined;
  /** Messages are dropped when the worker is killed; socket callbacks are not. */
  readonly isMessage: boolean;
}

/**
 * `alive`: takes messages. `killed`: the message that runs is the last one. `closing`: it is over, and what the worker owns
 * is being closed. `ended`: nothing is left.
 */
type WorkerState = 'alive' | 'killed' | 'closing' | 'ended';

/**
 * A named logical process on this thread: its own variables and error handler, and a queue of tasks that run one at a
 * time, a returned promise being awaited.
 *
 * @see the 4D command CALL WORKER
 */
export class Worker {
  readonly name: string;
  readonly isMain: boolean;
  /** The process's own bag of variables. */
  readonly variables: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  errorHandler: ErrorHandler | undefined;
  /** True while an error handler runs: it is not called for its own errors. */
  isHandlingError = false;
  lastErrors: readonly ErrorItem[] | null = null;
  /** What others sent while this process was ending: its successor begins with it. */
  messagesForSuccessor: (() => unknown)[] = [];
  /** The context of code that runs in this process, outside any `tryExpr`. */
  readonly context: ExecutionContext = { worker: this, attempt: undefined };
  readonly #onEnded: (() => void) | undefined;
  readonly #owned = new Set<WorkerResource>();
  #tasks = new Queue<Task>();
  #taskCount = 0;
  #isBusy = false;
  #isScheduled = false;
  #isRunningTasks = false;
  #state: WorkerState = 'alive';

  /** @param onEnded - called when a killed process is over; the main process has none and never ends */
  constructor(name: string, onEnded: (() => void) | undefined) {
    this.name = name;
    this.isMain = onEnded === undefined;
    this.#onEnded = onEnded;
  }

  /** True from the moment the worker was killed. */
  get isEnding(): boolean {
    return this.#state !== 'alive';
  }

  /** Queues a message. It runs in a later turn of the event loop. */
  post(run: () => unknown): void {
    this.#add({ run, done: undefined, isMessage: true });
    this.#schedule();
  }

  /**
   * Runs a socket callback as a task of this worker: at once when the worker is idle, else when its turn comes.
   *
   * @param run - must not throw; a promise that it returns must not reject
   * @param done - called when it is over
   */
  runTask(run: () => unknown, done?: () => void): void {
    this.#add({ run, done, isMessage: false });
    if (!this.#isBusy && !this.#isScheduled) this.#runTasks();
  }

  /** As {@link runTask}, in front of all that waits. Not for a process that {@link isBusy}. */
  runTaskFirst(run: () => unknown, done: () => void): void {
    this.#run({ run, done, isMessage: false });
  }

  /** Whether a task is running, or waits for a promise. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether the code that is running runs in this process, outside any `tryExpr`. */
  get isCurrent(): boolean {
    return currentContext() === this.context;
  }

  /** Runs code in this process now, whatever process calls. */
  enter<T>(run: () => T): T {
    return this.isCurrent ? run() : runInContext(this.context, run);
  }

  /** Registers something to close when this process ends. */
  own(owned: WorkerResource): void {
    this.#owned.add(owned);
    // Made by the last message of a killed worker: it goes the same way as what was there before.
    if (this.#state === 'closing' || this.#state === 'ended') setImmediate(() => owned.onWorkerEnding());
  }

  /** The counterpart of {@link own}. */
  disown(owned: WorkerResource): void {
    this.#owned.delete(owned);
    if (this.isEnding) this.#schedule();
  }

  /** Drops the messages that wait. A worker then ends: the current task may finish, and what it owns is closed. */
  kill(): void {
    const tasks = this.#tasks;
    this.#tasks = new Queue();
    this.#taskCount = 0;
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) if (!task.isMessage) this.#add(task);
    if (this.isMain) return;
    // What another process kills a second time is the successor; one that kills itself does not know of any.
    if (currentContext().worker !== this) this.messagesForSuccessor = [];
    if (this.isEnding) return;
    this.#state = 'killed';
    this.#schedule();
  }

  #add(task: Task): void {
    this.#tasks.push(task);
    this.#taskCount++;
  }

  /** Later, so that the caller of {@link post} goes on first. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#runTasks();
    });
  }

  /**
   * Runs the tasks that wait. What they add waits for the next turn of the event loop: a worker that calls itself lets
   * others run, and the stack does not grow with the queue.
   */
  #runTasks(): void {
    if (this.#isRunningTasks) return;
    this.#isRunningTasks = true;
    for (let left = this.#taskCount; !this.#isBusy; left--) {
      // In front of what waits: busy sockets would never leave the queue empty.
      if (this.#state === 'killed') this.#closeOwned();
      const task = left > 0 ? this.#tasks.shift() : undefined;
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
    const result = this.enter(task.run);
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
      // What was posted meanwhile has its turn: promises alone must not keep the event loop from turning.
      return this.#isScheduled ? undefined : this.#runTasks();
    });
  }

  #closeOwned(): void {
    this.#state = 'closing';
    for (const owned of this.#owned) owned.onWorkerEnding();
  }

  #endIfOver(): void {
    if (this.#state !== 'closing' || this.#owned.size > 0) return;
    this.#state = 'ended';
    this.#onEnded?.();
  }
}

/** The process of all code that no worker runs. */
export const mainWorker: Worker = new Worker('Main process', undefined);

/**
 * Made when the first worker or `tryExpr` needs it: until then following contexts costs nothing, and programs without
 * workers never pay.
 */
let storage: AsyncLocalStorage<ExecutionContext> | undefined;

/** The context of the code that is running. */
export function currentContext(): ExecutionContext {
  return storage?.getStore() ?? mainWorker.context;
}

/** Runs code, and all that it starts, in a context. */
export function runInContext<T>(context: ExecutionContext, run: () => T): T {
  storage ??= new AsyncLocalStorage();
  return storage.run(context, run);
}

/** Tells whether a callback's result is to be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
