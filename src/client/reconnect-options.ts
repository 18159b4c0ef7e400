import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { RECONNECT_DEFAULTS } from './reconnect-defaults.ts';
import { checkNumber, invalidOption, readOptions } from '../session/option-checks.ts';

/** Describes a lost connection, or a failed attempt to connect, the first included. */
export interface ConnectionLoss {
  /** The close code, as in the event of onTerminate: the peer's, or 1006 when none came. 1006 for a failed attempt. */
  readonly code: number;
  readonly reason: string | undefined;
  readonly cause: EndCause;
  readonly phase: EndPhase;
  /**
   * The error, with `httpStatus` and so on when the server refused; undefined after a closing handshake by the peer.
   */
  readonly error: FourDError | undefined;
  /** Number of the attempt that would follow, from 1. */
  readonly attempt: number;
  /**
   * Messages of the lost connection that may have arrived or not: the system was given all of their bytes. 0 for a failed
   * attempt.
   */
  readonly uncertainMessages: number;
  /** Whether another attempt may succeed: the decision without `shouldReconnect`. */
  readonly isTemporary: boolean;
}

/** Headers of a handshake request. An array sends the header once per element. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/** How a client connects again after its connection is lost, or after an attempt has failed. */
export interface ReconnectOptions {
  /**
   * The first attempt waits a random time between 0 and this many milliseconds. Default 1 000. The time is random
   * because all clients of a server that restarts would otherwise come back at the same moment.
   */
  readonly minDelayMs?: number | undefined;
  /** Longest wait in milliseconds, unless the server asks for more (`Retry-After`). Default 30 000. */
  readonly maxDelayMs?: number | undefined;
  /** Factor by which the longest wait grows from one attempt to the next, 1 to 10. Default 2. */
  readonly factor?: number | undefined;
  /**
   * Further attempts in a row before the client gives up. Default Infinity. The count starts anew after a connection
   * that lasted `maxDelayMs`, and after `reconnect()`.
   */
  readonly maxAttempts?: number | undefined;
  /**
   * Messages that may wait for a connection; `send` returns `'dropped'` for one more. Default 1 000; 0 keeps none.
   * Messages that a lost connection could not send any more wait beyond this limit too, and count for it.
   */
  readonly maxQueuedMessages?: number | undefined;
  /** Bytes (of text: UTF-16 units) that may wait for a connection. Default 1 048 576. */
  readonly maxQueuedBytes?: number | undefined;
  /** Returns the URL of each further attempt, for tokens that expire. Default: the URL of the first attempt. */
  readonly url?: (() => string | URL | Promise<string | URL>) | undefined;
  /** Returns the headers of each further attempt. Default: the headers of the handler. */
  readonly headers?: (() => RequestHeaders | Promise<RequestHeaders>) | undefined;
  /**
   * Decides whether to connect again, after the first attempt too: only `true` counts, so a promise is no decision.
   * Default: `isTemporary` of its event. The function is not called when this program ended the connection: by
   * `terminate`, a failing callback, or the end of the worker, or when an argument of the client cannot be used. What
   * it throws, and the rejection of a promise that it returns, goes to the error handler (`onErrCall`), else to the
   * console.
   */
  readonly shouldReconnect?: ((event: ConnectionLoss) => boolean) | undefined;
}

/** Reconnect options with every default filled in. Frozen. */
export type CheckedReconnect = Readonly<
  Required<{ [K in NumberName]: number }> & Pick<ReconnectOptions, 'url' | 'headers' | 'shouldReconnect'>
>;

type NumberName = 'minDelayMs' | 'maxDelayMs' | 'factor' | 'maxAttempts' | 'maxQueuedMessages' | 'maxQueuedBytes';

const FUNCTIONS = ['url', 'headers', 'shouldReconnect'] as const;

const LONGEST_DELAY_MS = 86_400_000;

const NUMBERS = {
  minDelayMs: { min: 1, max: LONGEST_DELAY_MS },
  maxDelayMs: { min: 1, max: LONGEST_DELAY_MS },
  maxAttempts: { min: 1, max: Infinity },
  maxQueuedMessages: { min: 0, max: Infinity },
  maxQueuedBytes: { min: 0, max: Infinity },
} as const;

const KEYS: ReadonlySet<string> = new Set([...Object.keys(RECONNECT_DEFAULTS), ...FUNCTIONS]);

/**
 * Checks the option `reconnect` and fills in the defaults.
 *
 * @returns undefined when the option is off
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkReconnect(value: unknown): CheckedReconnect | undefined {
  if (value === undefined || value === false) return undefined;
  const given = (value === true ? {} : value) as ReconnectOptions;
  if (typeof given !== 'object' || given === null) throw invalid('reconnect must be true, false or an object');
  const options = readOptions(given, KEYS, 'HTCL', { prefix: 'reconnect.', foreign: FOREIGN_OPTIONS.reconnect });
  const numbers = Object.fromEntries(
    Object.entries(NUMBERS).map(([name, range]) => [
      name,
      checkNumber(
        `reconnect.${name}`,
        options[name as keyof typeof NUMBERS] ?? RECONNECT_DEFAULTS[name as keyof typeof NUMBERS],
        range,
        'HTCL',
      ),
    ]),
  ) as Record<keyof typeof NUMBERS, number>;
  const { factor = RECONNECT_DEFAULTS.factor } = options;
  if (!(typeof factor === 'number' && factor >= 1 && factor <= 10)) {
    throw invalid('reconnect.factor must be a number from 1 to 10');
  }
  const { minDelayMs, maxDelayMs } = numbers;
  if (minDelayMs > maxDelayMs) {
    throw invalid(`reconnect.minDelayMs (${minDelayMs}) must not be more than reconnect.maxDelayMs (${maxDelayMs})`);
  }
  const functions: Pick<ReconnectOptions, (typeof FUNCTIONS)[number]> = {};
  for (const name of FUNCTIONS) {
    const option = options[name];
    if (option === undefined) continue;
    if (typeof option !== 'function') throw invalid(`reconnect.${name} must be a function`);
    Object.assign(functions, { [name]: option });
  }
  return Object.freeze({ ...numbers, factor, ...functions });
}

function invalid(problem: string): FourDError {
  return invalidOption(problem, 'HTCL');
}
