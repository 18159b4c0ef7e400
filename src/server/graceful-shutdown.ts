import { FourDError } from '../errors.ts';
import { type Deadline, timers } from '../base/timers.ts';
import type { Session } from '../session/session.ts';

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

/**
 * Checks options and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkDrainOptions(options: DrainOptions): CheckedDrainOptions {
  const checked: Record<keyof DrainOptions, number> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(DEFAULTS, name)) throw invalidOption(`there is no option "${name}"`);
    const isCode = name === 'code';
    if (!Number.isSafeInteger(value) || (isCode ? !isDrainCode(value as number) : (value as number) < 1)) {
      throw invalidOption(`${name} must be a whole number, ${isCode ? DRAIN_CODES : '1 or more'}`);
    }
    checked[name as keyof DrainOptions] = value as number;
  }
  return checked;
}

const DRAIN_CODES = '1000, 1001, 1012, 1013 or 3000 to 4999';

function isDrainCode(code: number): boolean {
  return [1000, 1001, 1012, 1013].includes(code) || (code >= 3000 && code <= 4999);
}

function invalidOption(problem: string): FourDError {
  return new FourDError('ERR_INVALID_OPTION', `invalid option: ${problem}`, { componentSignature: 'HTTP' });
}

/** Closes sessions in waves. */
export class Drain implements Deadline {
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
