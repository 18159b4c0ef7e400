import { monotonicMs, setImmediate } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { invalidOption } from '../session/option-checks.ts';
import type { Session } from '../session/session.ts';

/**
 * When no connection has ended for this long, the missing ones are slow and are no longer waited for. Peers of the same
 * speed leave shorter gaps between two ends, and users do not notice the delay.
 */
const QUIET_MS = 50;
/** The number of periods of {@link QUIET_MS} that an end waits at most, while other connections keep ending. */
const MAX_PERIODS = 10;

/** Options of {@link WebSocketServer.drain}, which ends a server without cutting anyone off. */
export interface DrainOptions {
  /** Time for the whole end in milliseconds; connections that are left after it are destroyed. Default 30 000. */
  readonly deadlineMs?: number | undefined;
  /** Connections that are closed at a time, so that clients do not all reconnect elsewhere at once. Default 100. */
  readonly batchSize?: number | undefined;
  /** Time from one batch to the next in milliseconds. Default 100. */
  readonly intervalMs?: number | undefined;
  /** Close code: 1000, 1001 (going away, the default), 1012 (service restart), 1013 (try again later), 3000 to 4999. */
  readonly code?: number | undefined;
}

/** Options with every default filled in. */
export type CheckedDrainOptions = Readonly<Record<keyof DrainOptions, number>>;

/** How many connections ended in which way. */
export interface DrainResult {
  /** Connections that took all that was sent to them and answered the close frame. */
  readonly closed: number;
  /** The other connections: lost, failed, or destroyed at the deadline. */
  readonly dropped: number;
}

const DEFAULTS: CheckedDrainOptions = { deadlineMs: 30_000, batchSize: 100, intervalMs: 100, code: 1001 };

const DRAIN_OPTIONS = `drain() takes ${Object.keys(DEFAULTS).join(', ')}`;
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
    if (!Object.hasOwn(DEFAULTS, name)) throw invalidOption(`there is no option "${name}": ${DRAIN_OPTIONS}`, 'HTTP');
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

/** Closes sessions in waves of `batchSize`. */
export class DrainWaves implements Deadline {
  readonly #sessions: readonly Session[];
  readonly #options: CheckedDrainOptions;
  readonly #endsAt: number;
  #next = 0;

  constructor(sessions: readonly Session[], options: CheckedDrainOptions) {
    this.#sessions = sessions;
    this.#options = options;
    this.#endsAt = monotonicMs() + options.deadlineMs;
  }

  /** Closes the first wave; a timer closes the others. */
  start(): void {
    this.onDeadline();
  }

  /** Closes the next wave. */
  onDeadline(): void {
    const { batchSize, intervalMs, code } = this.#options;
    const leftMs = Math.max(0, this.#endsAt - monotonicMs());
    // After the deadline all sessions that are left close at once, without time for an answer.
    const wave = this.#sessions.slice(this.#next, leftMs === 0 ? undefined : this.#next + batchSize);
    this.#next += wave.length;
    for (const session of wave) session.close(code, '', leftMs, 'drain');
    if (this.#next < this.#sessions.length) timers.schedule(this, Math.min(intervalMs, leftMs));
  }
}

/**
 * Delivers the ends of connections in the order in which the connections arrived, if the ends come close together.
 *
 * @remarks An end waits for the ends of earlier connections as long as ends keep coming, half a second at most. A slow
 * peer holds nobody up: once no end has come for {@link QUIET_MS}, the waiting ends are delivered. Ends that come in
 * order do not wait.
 * @typeParam T - a connection
 */
export class EndingOrder<T> implements Deadline {
  /** Connections whose end is not delivered yet, in order of arrival. */
  readonly #awaited: Set<T>;
  /** The connections that have ended, each with the function that delivers its end. */
  readonly #ended = new Map<T, () => void>();
  #isScheduled = false;
  /** Ticket of the timer that runs while an end waits for an earlier one. */
  #ticket: number | undefined;
  /** Number of periods that the oldest waiting end has waited. */
  #periodCount = 0;
  /** True while no end has come in the current period. */
  #isQuiet = true;

  /** @param awaited - connections in order of arrival; each of them will end */
  constructor(awaited: Iterable<T>) {
    this.#awaited = new Set(awaited);
  }

  /** Calls `deliver` in a later turn of the event loop, when the ends of earlier connections are delivered. */
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
    // A busy program may have more ends to read: the event loop reads them before an immediate runs.
    setImmediate(() => this.#deliver(this.#isQuiet || ++this.#periodCount >= MAX_PERIODS));
  }

  /** @param isOverdue - true passes over connections that have not ended, false waits for them */
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
      this.#periodCount = 0;
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      this.#ticket = undefined;
    } else if (this.#ticket === undefined) {
      this.#isQuiet = true;
      this.#ticket = timers.schedule(this, QUIET_MS);
    }
  }
}
