import { type Deadline, timers } from '../base/timers.ts';
import { invalidOption } from '../session/option-checks.ts';
import type { Session } from '../session/session.ts';

/**
 * Once no end has come for this long, in milliseconds, the missing ones are those of slow peers: longer than peers that
 * answer alike leave between two ends, and too short to be felt.
 */
const QUIET_MS = 50;
/** How many such periods an end waits at most, while others keep coming. */
const MAX_PERIODS = 10;

/** How a server ends without cutting anyone off: {@link WebSocketServer.drain}. */
export interface DrainOptions {
  /** Time for all of it in milliseconds; connections that are left then are destroyed. Default 30 000. */
  readonly deadlineMs?: number | undefined;
  /** Connections that are closed at a time. Default 100. Clients that reconnect elsewhere then do not come all at once. */
  readonly batchSize?: number | undefined;
  /** Time from one batch to the next in milliseconds. Default 100. */
  readonly intervalMs?: number | undefined;
  /** Close code: 1000, 1001 (going away, the default), 1012 (service restart), 1013 (try again later), 3000 to 4999. */
  readonly code?: number | undefined;
}

/** Options with every default filled in. */
export type CheckedDrainOptions = Readonly<Record<keyof DrainOptions, number>>;

/** What became of the connections. */
export interface DrainResult {
  /** Those that took all that was sent to them and answered the close frame. */
  readonly closed: number;
  /** The others: lost, failed, or destroyed at the deadline. */
  readonly dropped: number;
}

const DEFAULTS: CheckedDrainOptions = { deadlineMs: 30_000, batchSize: 100, intervalMs: 100, code: 1001 };

const DRAIN_CODES = '1000, 1001, 1012, 1013 or 3000 to 4999';

/**
 * Checks the options of `drain` and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkDrainOptions(options: DrainOptions): CheckedDrainOptions {
  const checked: Record<keyof DrainOptions, number> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(DEFAULTS, name)) throw invalidOption(`there is no option "${name}"`, 'HTTP');
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

/** Closes sessions in waves. */
export class DrainWaves implements Deadline {
  readonly #sessions: readonly Session[];
  readonly #options: CheckedDrainOptions;
  readonly #endsAt: number;
  #next = 0;

  constructor(sessions: readonly Session[], options: CheckedDrainOptions) {
    this.#sessions = sessions;
    this.#options = options;
    this.#endsAt = performance.now() + options.deadlineMs;
  }

  /** Closes the first wave; the others follow by themselves. */
  start(): void {
    this.onDeadline();
  }

  /** It is time for the next wave. */
  onDeadline(): void {
    const { batchSize, intervalMs, code } = this.#options;
    const leftMs = Math.max(0, this.#endsAt - performance.now());
    // What comes after the deadline has no time for waves, nor for answers.
    const wave = this.#sessions.slice(this.#next, leftMs === 0 ? undefined : this.#next + batchSize);
    this.#next += wave.length;
    for (const session of wave) session.close(code, '', leftMs, 'drain');
    if (this.#next < this.#sessions.length) timers.schedule(this, Math.min(intervalMs, leftMs));
  }
}

/**
 * Brings the ends of connections into the order of their arrival, as far as they come close together.
 *
 * @remarks An end waits for those of earlier arrivals as long as ends keep coming, half a second at most, but not for a
 * peer that is slow: once {@link QUIET_MS} have passed without any, what has come is delivered. When all come in order
 * nothing waits.
 * @typeParam T - a connection
 */
export class EndingOrder<T> implements Deadline {
  /** Those whose end is not delivered yet, in order of arrival. */
  readonly #awaited: Set<T>;
  /** How to deliver the ends that have come. */
  readonly #ended = new Map<T, () => void>();
  #isScheduled = false;
  /** The ticket of the timer wheel while an end waits for an earlier one. */
  #ticket: number | undefined;
  /** Periods that the first of those that wait has waited. */
  #periods = 0;
  /** Whether no end has come in the current period. */
  #isQuiet = true;

  /** @param awaited - in order of arrival; an end of each will come */
  constructor(awaited: Iterable<T>) {
    this.#awaited = new Set(awaited);
  }

  /** Calls `deliver` in a later turn, when its turn has come. */
  add(ended: T, deliver: () => void): void {
    this.#ended.set(ended, deliver);
    this.#isQuiet = false;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver(false);
    });
  }

  onDeadline(): void {
    this.#ticket = undefined;
    // When this program was busy, the missing ends may have come meanwhile: they are read before an immediate runs.
    setImmediate(() => this.#deliver(this.#isQuiet || ++this.#periods >= MAX_PERIODS));
  }

  /** @param isOverdue - whether those that have not ended are passed over, instead of waited for */
  #deliver(isOverdue: boolean): void {
    for (const connection of this.#awaited) {
      const deliver = this.#ended.get(connection);
      if (deliver !== undefined) {
        this.#awaited.delete(connection);
        this.#ended.delete(connection);
        deliver();
      } else if (!isOverdue) break;
    }
    if (this.#ended.size === 0) {
      this.#periods = 0;
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      this.#ticket = undefined;
    } else if (this.#ticket === undefined) {
      this.#isQuiet = true;
      this.#ticket = timers.schedule(this, QUIET_MS);
    }
  }
}
