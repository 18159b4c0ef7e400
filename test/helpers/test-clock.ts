import { replaceClock } from '../../src/base/clock.ts';

// Lets the library read the globals of the test process, so that fake timers of vitest move its time in tests of single
// files. Users cannot do that: the library binds the functions of Node when it is loaded (rule 188).
replaceClock({
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timeout) => clearTimeout(timeout),
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
});
