import { follow } from '../base/promises.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { isThenable } from '../workers/worker.ts';

/** How code of the user ended. */
export type Outcome = { readonly value: unknown } | { readonly thrown: unknown };

/**
 * Calls code of the user in its worker and contexts, and waits for its promise.
 *
 * @param done - called once: within this call when the code is synchronous and the worker is the main process
 */
export function callUser(scope: CallScope, code: () => unknown, done: (outcome: Outcome) => void): void {
  const run = (): PromiseLike<void> | undefined => {
    let outcome: Outcome;
    try {
      const value = scope.run(code);
      if (isThenable(value)) return finishLater(value, done);
      outcome = { value };
    } catch (thrown) {
      outcome = { thrown };
    }
    done(outcome);
    return undefined;
  };
  if (scope.worker.isMain) void run();
  else scope.worker.runTask(run);
}

async function finishLater(value: PromiseLike<unknown>, done: (outcome: Outcome) => void): Promise<void> {
  let outcome: Outcome;
  try {
    outcome = { value: await follow(value) };
  } catch (thrown) {
    outcome = { thrown };
  }
  done(outcome);
}
