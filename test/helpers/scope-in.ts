import { CallScope } from '../../src/workers/call-scope.ts';
import type { Worker } from '../../src/workers/worker.ts';

/** Creates a scope for callbacks that run in this worker. */
export function scopeIn(worker: Worker): CallScope {
  return worker.enter(() => new CallScope('test', false));
}
