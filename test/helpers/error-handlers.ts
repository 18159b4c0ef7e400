import { onTestFinished } from 'vitest';
import { ek, type ErrorItem, onErrCall } from '../../src/index.ts';

/** Installs an error handler that keeps what it gets, until the test ends. */
export function recordErrors(scope: 'local' | 'global' = ek.local): ErrorItem[][] {
  const calls: ErrorItem[][] = [];
  onErrCall((errors) => calls.push([...errors]), scope);
  onTestFinished(() => onErrCall(null, scope));
  return calls;
}
