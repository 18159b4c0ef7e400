import { type Clock, currentClock, realClock, replaceClock, setImmediate } from '../base/clock.ts';
import { timers } from '../base/timers.ts';
import { activity } from './activity.ts';
import { checkAmount, invalidArgument } from './arguments.ts';

/** The clock that the process had before any test clock. */
const ownClock = currentClock();
/** How far test clocks have gone ahead of {@link ownClock}: a monotonic time never goes back. */
let aheadMs = 0;
let installed: TestClock | undefined;

/** Deadlines of the library fall on multiples of this: a clock that begins with one makes each run the same. */
const TICK_MS = 50;

/** Turns of the event loop that bytes of TCP may take from one socket of this process to another. */
const TCP_TURNS = 20;
/** Turns in a row without anything in memory that moves, after which all has come to rest. */
const QUIET_TURNS = 4;
const MAX_TURNS = 10_000;

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock of the whole library that stands still until the test moves it. */
export interface TestClock {
  /**
   * The system time that the library reads, in milliseconds since 1970. Setting it is a change of the system time, on which
   * `expiresAt` depends and no deadline.
   */
  now: number;
  /** Number of timers that are set: 0 or 1, because all deadlines of the library share one. */
  readonly pendingTimers: number;
  /**
   * Lets this time pass: heartbeats, deadlines, waits to connect again, latency. What they cause in memory has happened
   * when the promise resolves; each deadline finds what the one before has caused.
   *
   * @param milliseconds - a whole number, 0 or more; an hour takes about half a second
   */
  advance(milliseconds: number): Promise<void>;
  /** Goes back to the real time. A second call has no effect. */
  restore(): void;
  /** Goes back to the real time: for `using`. */
  [Symbol.dispose](): void;
}

/** Implements {@link TestClock} with the one timer that the library sets. */
class ManualClock implements TestClock, Clock {
  readonly #timers = new Set<Timer>();
  #wallOffsetMs: number;
  #nowMs: number;

  constructor() {
    this.#nowMs = Math.ceil((ownClock.monotonicMs() + aheadMs) / TICK_MS) * TICK_MS;
    this.#wallOffsetMs = ownClock.wallMs() - this.#nowMs;
  }

  get now(): number {
    return this.wallMs();
  }

  set now(milliseconds: number) {
    this.#wallOffsetMs = checkFinite('now', milliseconds) - this.#nowMs;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  async advance(milliseconds: number): Promise<void> {
    checkFinite('advance', milliseconds);
    if (installed !== this) throw invalidArgument('advance', 'the clock was restored: create another one');
    const endMs = this.#nowMs + milliseconds;
    await settle(TCP_TURNS);
    for (let timer = this.#nextUntil(endMs); timer !== undefined; timer = this.#nextUntil(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      this.#timers.delete(timer);
      timer.callback();
      await settle(2);
    }
    this.#nowMs = endMs;
    await settle(TCP_TURNS);
  }

  restore(): void {
    if (installed !== this) return;
    installed = undefined;
    aheadMs = Math.max(0, this.#nowMs - ownClock.monotonicMs());
    const ahead = aheadMs;
    replaceClock(ahead === 0 ? ownClock : { ...ownClock, monotonicMs: () => ownClock.monotonicMs() + ahead });
    timers.rearm();
  }

  [Symbol.dispose](): void {
    this.restore();
  }

  // Clock

  setTimeout(callback: () => void, delayMs: number): NodeJS.Timeout {
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 1), callback, ref: () => timer, unref: () => timer };
    this.#timers.add(timer);
    return timer as unknown as NodeJS.Timeout;
  }

  clearTimeout(timeout: NodeJS.Timeout | undefined): void {
    // The timer may have been set before this clock was installed.
    if (!this.#timers.delete(timeout as unknown as Timer)) ownClock.clearTimeout(timeout);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Math.round(this.#nowMs + this.#wallOffsetMs);
  }

  #nextUntil(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.dueMs <= endMs && !(next && next.dueMs <= timer.dueMs)) next = timer;
    return next;
  }
}

/**
 * Stops the time of the library, in the whole process, until {@link TestClock.restore}. Timers of the test and of its
 * handlers are not touched: they have the fake timers of the test framework, which in turn do not move the library.
 *
 * @throws FourDError `ERR_INVALID_ARGUMENT` when another clock is installed: there is one time in a process
 */
export function createClock(): TestClock {
  if (installed !== undefined) {
    throw invalidArgument('createClock', 'there is a test clock already: call its restore() at the end of each test');
  }
  const clock = new ManualClock();
  installed = clock;
  replaceClock(clock);
  timers.rearm();
  return clock;
}

function checkFinite(name: string, milliseconds: number): number {
  if (checkAmount(name, milliseconds, 0) !== Infinity) return milliseconds;
  throw invalidArgument(name, 'time does not pass for ever: pass a number');
}

/** Tells whether this is the clock that is in use. */
export function isInstalled(clock: unknown): clock is TestClock {
  return clock !== undefined && clock === installed;
}

/** Tells whether the library has a test clock. */
export function hasTestClock(): boolean {
  return installed !== undefined;
}

/** Lets the event loop turn at least this often, and until nothing has moved in memory for some turns. */
export async function settle(minTurns: number): Promise<void> {
  let quietTurns = 0;
  let moves = activity.moves;
  for (let turn = 0; turn < MAX_TURNS && (turn < minTurns || (quietTurns > 0 && quietTurns < QUIET_TURNS)); turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (activity.moves === moves) {
      if (quietTurns > 0) quietTurns++;
    } else {
      moves = activity.moves;
      quietTurns = 1;
    }
  }
}

/** Lets some real time pass, whatever clock is installed. */
export async function realPause(milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    realClock.setTimeout(resolve, milliseconds);
  });
}
