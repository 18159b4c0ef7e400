import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import { checkNumber, invalidOption } from '../session/option-checks.ts';

/** A connection is lost, or an attempt to connect again has failed. */
export interface ConnectionLoss {
  /** As in the event of onTerminate: the peer's close code, 1006 when none came; 1006 for a failed attempt. */
  readonly code: number;
  readonly reason: string | undefined;
  readonly cause: EndCause;
  readonly phase: EndPhase;
  /** What went wrong, with `httpStatus` and so on when the server refused; undefined when the peer closed in order. */
  readonly error: FourDError | undefined;
  /** Number of the attempt that would follow, from 1. */
  readonly attempt: number;
  /** What is done without `shouldReconnect`. */
  readonly isTemporary: boolean;
}

/** Headers of a handshake request. An array sends the header once per element. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/** How a client connects again after it has lost its connection. */
export interface ReconnectOptions {
  /**
   * The first attempt waits a random time between 0 and this many milliseconds. Default 1 000. Random, because all clients
   * of a server that restarts would come back in the same moment.
   */
  readonly minDelayMs?: number | undefined;
  /** No wait is longer than this, unless the server asks for more (`Retry-After`). Default 30 000. */
  readonly maxDelayMs?: number | undefined;
  /** By how much the longest wait grows from one attempt to the next. Default 2. */
  readonly factor?: number | undefined;
  /**
   * Attempts in a row before the client gives up. Default Infinity. They are counted anew after a connection that lasted
   * `maxDelayMs`.
   */
  readonly maxAttempts?: number | undefined;
  /** Messages that may wait for a connection; `send` says `'dropped'` to one more. Default 1 000; 0 keeps none. */
  readonly maxQueuedMessages?: number | undefined;
  /** Bytes (of text: UTF-16 units) that may wait for a connection. Default 1 048 576. */
  readonly maxQueuedBytes?: number | undefined;
  /** Gives the URL of each further attempt, for tokens that expire. Default: the URL of the first. */
  readonly url?: (() => string | Promise<string>) | undefined;
  /** Gives the headers of each further attempt. Default: those of the handler. */
  readonly headers?: (() => RequestHeaders | Promise<RequestHeaders>) | undefined;
  /**
   * Decides whether to connect again. Default: `isTemporary` of its event. Not asked when this program itself ended the
   * connection: by `terminate`, a failing callback, or the end of the worker.
   */
  readonly shouldReconnect?: ((event: ConnectionLoss) => boolean) | undefined;
}

/** Reconnect options with every default filled in. Frozen. */
export type CheckedReconnect = Readonly<
  Required<{ [K in NumberName]: number }> & Pick<ReconnectOptions, 'url' | 'headers' | 'shouldReconnect'>
>;

type NumberName = 'minDelayMs' | 'maxDelayMs' | 'factor' | 'maxAttempts' | 'maxQueuedMessages' | 'maxQueuedBytes';

const LONGEST_DELAY_MS = 86_400_000;

const NUMBERS = {
  minDelayMs: { default: 1000, min: 1, max: LONGEST_DELAY_MS },
  maxDelayMs: { default: 30_000, min: 1, max: LONGEST_DELAY_MS },
  maxAttempts: { default: Infinity, min: 1, max: Infinity },
  maxQueuedMessages: { default: 1000, min: 0, max: Infinity },
  maxQueuedBytes: { default: 1_048_576, min: 0, max: Infinity },
} as const;

const FUNCTIONS = ['url', 'headers', 'shouldReconnect'] as const;

const KEYS: ReadonlySet<string> = new Set([...Object.keys(NUMBERS), 'factor', ...FUNCTIONS]);

/**
 * Checks the option `reconnect` and fills in the defaults.
 *
 * @returns undefined when it is off
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkReconnect(value: unknown): CheckedReconnect | undefined {
  if (value === undefined || value === false) return undefined;
  const options = (value === true ? {} : value) as ReconnectOptions;
  if (typeof options !== 'object' || options === null) throw invalid('reconnect must be true, false or an object');
  const unknown = Object.keys(options).find((key) => !KEYS.has(key));
  if (unknown !== undefined) throw invalid(`there is no option "reconnect.${unknown}"`);
  const numbers = Object.fromEntries(
    Object.entries(NUMBERS).map(([name, range]) => [
      name,
      checkNumber(`reconnect.${name}`, options[name as keyof typeof NUMBERS] ?? range.default, range, 'HTCL'),
    ]),
  ) as Record<keyof typeof NUMBERS, number>;
  const { factor = 2 } = options;
  if (!(typeof factor === 'number' && factor >= 1 && factor <= 10)) {
    throw invalid('reconnect.factor must be a number from 1 to 10');
  }
  if (numbers.minDelayMs > numbers.maxDelayMs) throw invalid('reconnect.minDelayMs is more than reconnect.maxDelayMs');
  const functions: Pick<ReconnectOptions, (typeof FUNCTIONS)[number]> = {};
  for (const name of FUNCTIONS) {
    const given = options[name];
    if (given === undefined) continue;
    if (typeof given !== 'function') throw invalid(`reconnect.${name} must be a function`);
    Object.assign(functions, { [name]: given });
  }
  return Object.freeze({ ...numbers, factor, ...functions });
}

function invalid(problem: string): FourDError {
  return invalidOption(problem, 'HTCL');
}
