import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate as setNodeImmediate, setTimeout } from 'node:timers';

/** The times that the library reads, and the one kind of timer that it sets. */
export interface Clock {
  setTimeout(callback: () => void, delayMs: number): NodeJS.Timeout;
  clearTimeout(timeout: NodeJS.Timeout | undefined): void;
  /** A time in milliseconds that never goes back. */
  monotonicMs(): number;
  /** The system time in milliseconds since 1970. */
  wallMs(): number;
}

/**
 * The functions of Node, bound when the library is loaded.
 *
 * @remarks No global is read later: fake timers that a test framework installs afterwards would otherwise stop every
 * heartbeat and deadline of the process, and would see the library's own timer.
 */
export const realClock: Clock = {
  setTimeout,
  clearTimeout,
  monotonicMs: performance.now.bind(performance),
  wallMs: Date.now,
};

let clock: Clock = realClock;

const { setTimeout: globalTimeout } = globalThis;

/** Tells whether the timers of the process are others than when the library was loaded: fake ones of a test framework. */
export function areTimersReplaced(): boolean {
  return globalThis.setTimeout !== globalTimeout;
}

/** The clock that is in use. */
export function currentClock(): Clock {
  return clock;
}

/** Lets a test move the time of the whole library; undefined goes back to the real clock. */
export function replaceClock(replacement: Clock | undefined): void {
  clock = replacement ?? realClock;
}

/** A time in milliseconds that never goes back. */
export function monotonicMs(): number {
  return clock.monotonicMs();
}

/** The system time in milliseconds since 1970. */
export function wallMs(): number {
  return clock.wallMs();
}

/** Runs a callback in a later turn of the event loop. No clock replaces this function. */
export const setImmediate: typeof setNodeImmediate = setNodeImmediate;
