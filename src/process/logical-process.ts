import { AsyncLocalStorage } from 'node:async_hooks';
import type { ErrorItem } from '../errors.ts';

/** Handles the errors of a process: what `onErrCall` installs. */
export type ErrorHandler = (errors: readonly ErrorItem[]) => void;

/** A `tryExpr` that is running: it takes the errors that are generated within it. */
export interface Attempt {
  /** The most specific, that is the latest, first. */
  readonly errors: ErrorItem[];
}

/** In which process code runs, and within which `tryExpr`. It follows the code across every await. */
export interface ExecutionContext {
  readonly process: LogicalProcess;
  readonly attempt: Attempt | undefined;
}

/** What a process closes when it ends. */
export interface Owned {
  /** Closes it. It must give itself back with {@link LogicalProcess.disown} when its last callback is over. */
  onOwnerEnding(): void;
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
 * A named logical process on this thread: its own variables and error handler, and a queue of tasks that run one at a
 * time, a returned promise being awaited.
 *
 * @see the 4D command CALL WORKER
 */
export class LogicalProcess {
  readonly name: string;
  readonly isMain: boolean;
  /** The process's own bag of variables. */
  readonly variables: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  errorHandler: ErrorHandler | undefined;
  lastErrors: readonly ErrorItem[] | null = null;
  /** What others sent while this process was ending: its successor begins with it. */
  readonly messagesForSuccessor: (() => unknown)[] = [];
  /** The context of code that runs in this process, outside any `tryExpr`. */
  readonly context: ExecutionContext = { process: this, attempt: undefined };
  readonly #onEnded: (() => void) | undefined;
  readonly #owned = new Set<Owned>();
  #tasks: Task[] = [];
  #isBusy = false;
  #isScheduled = false;
  #isEnding = false;
  #hasClosedOwned = false;
  #hasEnded = false;

  /** @param onEnded - called when a killed process is over; the main process has none and never ends */
  constructor(name: string, onEnded: (() => void) | undefined) {
    this.name = name;
    this.isMain = onEnded === undefined;
    this.#onEnded = onEnded;
  }

  /** True from the moment the process was killed. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Queues a message. It runs in a later turn of the event loop. */
  post(run: () => unknown): void {
    this.#tasks.push({ run, done: undefined, isMessage: true });
    this.#schedule();
  }

  /**
   * Runs a socket callback as a task of this worker: at once when the worker is idle, else when its turn comes.
   *
   * @param run - must not throw; a promise that it returns must not reject
   * @param done - called when it is over
   */
  runTask(run: () => unknown, done?: () => void): void {
    this.#tasks.push({ run, done, isMessage: false });
    if (!this.#isBusy && !this.#isScheduled) this.#runTasks();
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
  own(owned: Owned): void {
    this.#owned.add(owned);
    // Made by the last message of a killed worker: it goes the same way as what was there before.
    if (this.#hasClosedOwned) setImmediate(() => owned.onOwnerEnding());
  }

  /** The counterpart of {@link own}. */
  disown(owned: Owned): void {
    this.#owned.delete(owned);
    if (this.#isEnding) this.#schedule();
  }

  /** Drops the messages that wait. A worker then ends: the current task may finish, and what it owns is closed. */
  kill(): void {
    this.#tasks = this.#tasks.filter((task) => !task.isMessage);
    if (this.isMain || this.#isEnding) return;
    this.#isEnding = true;
    this.#schedule();
  }

  /** Later, so that the caller of {@link post} goes on first and a worker that calls itself lets others run. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#runTasks();
    });
  }

  #runTasks(): void {
    while (!this.#isBusy) {
      const task = this.#tasks.shift();
      if (task === undefined) {
        this.#endIfOver();
        return;
      }
      this.#isBusy = true;
      const result = this.enter(task.run);
      const finish = (): void => {
        this.#isBusy = false;
        task.done?.();
      };
      if (!isThenable(result)) {
        finish();
        continue;
      }
      void result.then(() => {
        finish();
        return this.#runTasks();
      });
    }
  }

  #endIfOver(): void {
    if (!this.#isEnding) return;
    if (!this.#hasClosedOwned) {
      this.#hasClosedOwned = true;
      for (const owned of this.#owned) owned.onOwnerEnding();
    }
    if (this.#owned.size > 0 || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnded?.();
  }
}

/** The process of all code that no worker runs. */
export const mainProcess: LogicalProcess = new LogicalProcess('Main process', undefined);

/**
 * Made when the first worker or `tryExpr` needs it: until then following contexts costs nothing, and programs without
 * workers never pay.
 */
let storage: AsyncLocalStorage<ExecutionContext> | undefined;

/** The context of the code that is running. */
export function currentContext(): ExecutionContext {
  return storage?.getStore() ?? mainProcess.context;
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
