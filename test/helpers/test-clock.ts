import { replaceClock } from '../../src/base/clock.ts';

/**
 * Lets the library read the globals of the test process, so that fake timers of vitest move its time within one turn of
 * the event loop, for tests of single files; the clock of the testing kit needs turns. Users cannot do that: the library
 * binds the functions of Node when it is loaded (rule 188).
 */
export function readGlobalTimers(): void {
  replaceClock({
    setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimeout: (timeout) => clearTimeout(timeout),
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
  });
}
