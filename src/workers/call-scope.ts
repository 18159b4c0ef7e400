import { AsyncResource } from 'node:async_hooks';
import { NODE_MAJOR } from '../base/node-version.ts';
import { currentContext, type Worker } from './worker.ts';

/**
 * Whether `enterWith` of an `AsyncLocalStorage` changes the resource in whose scope it is called, and so all later calls
 * in that scope. In Node 24 and later it ends with the call.
 */
const KEEPS_ENTERED_STORES = NODE_MAJOR < 24;

/**
 * Where the user's code of one client or server runs: in the worker, and in the `AsyncLocalStorage` contexts, of the code
 * that created the scope.
 *
 * @remarks A call costs 10 to 20 ns, so it is not worth finding out whether a program uses `AsyncLocalStorage`.
 */
export class CallScope {
  /** The worker whose code created the scope. */
  readonly worker: Worker;
  /** The queue whose messages are being read, within {@link run}; undefined for none. */
  reader: object | undefined;
  readonly #resource: AsyncResource;
  /** Whether each call enters a copy of the resource. */
  readonly #usesCopies: boolean;

  /**
   * @param type - the name of the resource, for tools that watch resources (`async_hooks`)
   * @param isShared - whether code of several connections runs in the scope: `enterWith` in one of them then does not
   *   change the contexts of the others
   */
  constructor(type: string, isShared: boolean) {
    const { worker } = currentContext();
    this.worker = worker;
    // The resource keeps the worker, but no `tryExpr` that is running now.
    this.#resource = worker.enter(() => new AsyncResource(type, { requireManualDestroy: true }));
    this.#usesCopies = isShared && KEEPS_ENTERED_STORES;
  }

  /** Calls `code` in the worker and in the contexts of this scope, at once. */
  run<T>(code: () => T): T;
  run<A, B, T>(code: (first: A, second: B) => T, first: A, second: B): T;
  run(code: (first?: unknown, second?: unknown) => unknown, first?: unknown, second?: unknown): unknown {
    // A copy by inheritance: what is set on it is gone with it.
    const resource = this.#usesCopies ? (Object.create(this.#resource) as AsyncResource) : this.#resource;
    return resource.runInAsyncScope(code, undefined, first, second);
  }

  /** Tells tools that watch resources that no code will run here any more. */
  end(): void {
    this.#resource.emitDestroy();
  }
}
