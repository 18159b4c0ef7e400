import { onTestFinished } from 'vitest';
import { ek, type ErrorItem, onErrCall } from '../../src/index.ts';

/** Installs an error handler until the test ends. Returns the error stacks that it gets. */
export function recordErrors(scope: 'local' | 'global' = ek.local): ErrorItem[][] {
  const calls: ErrorItem[][] = [];
  onErrCall((errors) => calls.push([...errors]), scope);
  onTestFinished(() => onErrCall(null, scope));
  return calls;
}
