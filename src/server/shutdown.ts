import { setImmediate } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';
import type { EndCause } from '../errors.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { invalidOption, readOptions } from '../session/option-checks.ts';

/**
 * How long callbacks may run when their connections have been cut, and then how long onTerminate of the server may: long
 * enough for callbacks that only have to begin.
 */
const GRACE_MS = 100;

/** Options of {@link WebSocketServer.drain}, which ends a server without cutting anyone off. */
export interface DrainOptions {
  /**
   * Time for the whole end in milliseconds, default 30 000. Then connections that are left are cut off, and neither callbacks
   * that still run nor a broker that others share are waited for.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Connections that are closed at a time, so that clients do not all reconnect elsewhere at once. Default 100. It is more
   * where the last batch would be later than four fifths of `deadlineMs`.
   */
  readonly batchSize?: number | undefined;
  /** Time from one batch to the next in milliseconds. Default 100. */
  readonly intervalMs?: number | undefined;
  /**
   * Close code: 1000, 1001 (going away, the default), 1012 (service restart, the default with the option `topics`), 1013
   * (try again later), 3000 to 4999.
   */
  readonly code?: number | undefined;
}

/** Options with every default filled in. */
export type CheckedDrainOptions = Readonly<Record<keyof DrainOptions, number>>;

/** How many connections ended in which way. */
export interface DrainResult {
  /** Connections that took all that was sent to them and answered the close frame, and whose callbacks are over. */
  readonly closed: number;
  /** The other connections: lost, failed, cut off at the deadline, or with a callback that was not over by then. */
  readonly dropped: number;
}

/** The part of the deadline in which all waves have begun: clients of the last one have the rest to answer. */
const WAVES_PART = 0.8;

const DEFAULTS: CheckedDrainOptions = { deadlineMs: 30_000, batchSize: 100, intervalMs: 100, code: CLOSE_GOING_AWAY };

const DRAIN_KEYS: ReadonlySet<string> = new Set(Object.keys(DEFAULTS));
const DRAIN_NAMES = {
  advice: `: drain() takes ${[...DRAIN_KEYS].join(', ')}`,
  foreign: FOREIGN_OPTIONS.drain,
} as const;
const DRAIN_CODES = '1000, 1001, 1012, 1013 or 3000 to 4999';

/**
 * Checks the options of `drain` and fills in the defaults.
 *
 * @param defaultCode - the close code where none is given
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkDrainOptions(given: DrainOptions, defaultCode: number = CLOSE_GOING_AWAY): CheckedDrainOptions {
  const options = readOptions(given, DRAIN_KEYS, 'HTTP', DRAIN_NAMES);
  const checked: Record<keyof DrainOptions, number> = { ...DEFAULTS, code: defaultCode };
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const isCode = name === 'code';
    if (!Number.isSafeInteger(value) || (isCode ? !isDrainCode(value as number) : (value as number) < 1)) {
      throw invalidOption(`${name} must be a whole number, ${isCode ? DRAIN_CODES : '1 or more'}`, 'HTTP');
    }
    checked[name as keyof DrainOptions] = value as number;
  }
  return checked;
}

function isDrainCode(code: number): boolean {
  return [1000, 1001, 1012, 1013].includes(code) || (code >= 3000 && code <= 4999);
}

/** A server that ends. The {@link EndDeadline} calls these methods in this order. */
export interface EndingServer {
  /** The time of the peers is over: cuts the connections that are left. */
  cutConnections(cause: EndCause): void;
  /** The time of the callbacks is over: runs onTerminate without waiting for them, or calls {@link finish}. */
  stopWaiting(): void;
  /** The time of onTerminate is over: the server has ended, even if onTerminate still runs or waits. */
  finish(): void;
}

/**
 * The time that the end of a server may take, whatever peers and callbacks do.
 *
 * @remarks The end has no deadline until {@link set} or {@link pass} is called.
 */
export class EndDeadline implements Deadline {
  readonly #server: EndingServer;
  /** What the end waits for, until the next deadline. */
  #awaited: 'peers' | 'callbacks' | 'onTerminate' | 'nothing' = 'peers';
  #cause: EndCause = 'shutdown';
  /** When the time of the peers ends, by the clock of the timer wheel. */
  #dueMs = Infinity;
  #ticket: number | undefined;

  constructor(server: EndingServer) {
    this.#server = server;
  }

  /**
   * Gives the peers this much time. An earlier deadline stays.
   *
   * @param timeoutMs - Infinity sets no deadline
   * @param cause - the cause of the connections that are cut
   */
  set(timeoutMs: number, cause: EndCause): void {
    if (this.#awaited !== 'peers' || timeoutMs === Infinity) return;
    const dueMs = timers.nowMs + timeoutMs;
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#cause = cause;
    this.#schedule(timeoutMs);
  }

  /** Ends the time of the peers now. */
  pass(cause: EndCause): void {
    if (this.#awaited !== 'peers') return;
    this.#clear();
    this.#cause = cause;
    this.#passOver();
  }

  /** The server has ended. */
  cancel(): void {
    this.#awaited = 'nothing';
    this.#clear();
  }

  onDeadline(): void {
    this.#clear();
    const awaited = this.#awaited;
    // A busy program may have ends to read: the event loop reads them before an immediate runs.
    setImmediate(() => {
      if (this.#awaited === awaited) this.#passOver();
    });
  }

  /** Goes on with the end without what it waits for. */
  #passOver(): void {
    switch (this.#awaited) {
      case 'peers':
        this.#awaited = 'callbacks';
        this.#server.cutConnections(this.#cause);
        break;
      case 'callbacks':
        this.#awaited = 'onTerminate';
        this.#server.stopWaiting();
        break;
      case 'onTerminate':
        this.#awaited = 'nothing';
        this.#server.finish();
        break;
      case 'nothing':
        break;
    }
    // The time begins when all is done: to cut a hundred thousand connections takes seconds.
    if (this.#awaited === 'callbacks' || this.#awaited === 'onTerminate') this.#schedule(GRACE_MS);
  }

  #schedule(delayMs: number): void {
    this.#clear();
    this.#ticket = timers.schedule(this, delayMs);
    // When all sockets are gone and a callback hangs, only this timer keeps the process alive until the end is over.
    timers.ref();
  }

  #clear(): void {
    if (this.#ticket === undefined) return;
    timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
    timers.unref();
  }
}

/** A session that a wave can close. */
export interface DrainedSession {
  /** @param isLate - whether the deadline has come: then the session is closed whatever it still has to do */
  drain(code: number, isLate: boolean): void;
}

/** Closes sessions in waves of `batchSize`. */
export class DrainWaves implements Deadline {
  readonly #sessions: readonly DrainedSession[];
  readonly #options: CheckedDrainOptions;
  readonly #batchSize: number;
  #next = 0;
  #ticket: number | undefined;

  constructor(sessions: readonly DrainedSession[], options: CheckedDrainOptions) {
    this.#sessions = sessions;
    this.#options = options;
    const { batchSize, intervalMs, deadlineMs } = options;
    const waves = 1 + Math.floor((deadlineMs * WAVES_PART) / intervalMs);
    // A program with an interval above its deadline wants one wave, and the rest at the deadline.
    this.#batchSize = waves === 1 ? batchSize : Math.max(batchSize, Math.ceil(sessions.length / waves));
  }

  /** Closes the first wave; a timer closes the others. */
  start(): void {
    this.onDeadline();
  }

  /** The deadline has come: closes all sessions that are not closed. */
  closeRest(): void {
    this.stop();
    for (const session of this.#sessions) session.drain(this.#options.code, true);
  }

  /** Closes no further wave. */
  stop(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  onDeadline(): void {
    const { intervalMs } = this.#options;
    const wave = this.#sessions.slice(this.#next, this.#next + this.#batchSize);
    this.#next += wave.length;
    for (const session of wave) session.drain(this.#options.code, false);
    this.#ticket = this.#next < this.#sessions.length ? timers.schedule(this, intervalMs) : undefined;
  }
}
