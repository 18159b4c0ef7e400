import { RECONNECT_DEFAULTS } from '../client/reconnect-defaults.ts';
import type { CheckedReconnect, ReconnectOptions } from '../client/reconnect-options.ts';
import { FourDError } from './browser-error.ts';

/** How a client in a browser connects again. The options and their defaults are those of Node; a page sets no headers. */
export type BrowserReconnectOptions = Omit<ReconnectOptions, 'headers'>;

/** Options of a client in a browser. */
export interface BrowserWebSocketOptions {
  /**
   * Subprotocols in order of preference. Default none: none is ever offered that is not named here. Chrome fails the
   * connection when the server chooses none of them.
   */
  readonly protocols?: readonly string[] | undefined;
  /** Longest time in milliseconds that an attempt to connect takes, or Infinity. Default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * Longest time in milliseconds until the first connection is open, over all attempts, or Infinity. Default 60 000.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** How long the server has to answer a close frame, in milliseconds, or Infinity. Default 10 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Bytes (of text: UTF-16 units) that may wait to be sent; one more ends the connection. Default 16 777 216. */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * Bytes (of text: UTF-16 units; 64 for each message more) that may wait behind a callback; one more ends the
   * connection with `ERR_BUFFER_FULL`. A browser cannot stop reading, as Node does, so messages wait in memory.
   * Default 16 777 216.
   */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * Whether to connect again when the connection is lost, as in Node: same policy, same defaults. Default false. The
   * client also tries at once when the network is back, and when the page is shown again.
   */
  readonly reconnect?: boolean | BrowserReconnectOptions | undefined;
}

type NumberName = 'handshakeTimeoutMs' | 'connectTimeoutMs' | 'closeTimeoutMs' | 'maxBufferedBytes' | 'maxWaitingBytes';

/** Options with every default filled in. */
export interface BrowserSettings extends Readonly<Record<NumberName, number>> {
  readonly protocols: readonly string[];
  readonly reconnect: Omit<CheckedReconnect, 'headers'> | undefined;
}

const DEFAULTS: Readonly<Record<NumberName, number>> = {
  handshakeTimeoutMs: 10_000,
  connectTimeoutMs: 60_000,
  closeTimeoutMs: 10_000,
  maxBufferedBytes: 16_777_216,
  maxWaitingBytes: 16_777_216,
};

export const NO_HEADERS = 'a page sets no headers: use the query';

/** Why a browser cannot have an option of Node, and what to do instead. */
const REASONS: Readonly<Record<string, string>> = {
  headers: NO_HEADERS,
  followRedirects: 'pass the last URL',
  pingIntervalMs: 'let the server ping',
  signal: 'call terminate()',
};

/**
 * Checks options, and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`; TypeError when the options are no object
 */
export function checkOptions({ protocols = [], reconnect, ...numbers }: BrowserWebSocketOptions): BrowserSettings {
  return { ...checkNumbers(numbers, DEFAULTS), protocols, reconnect: checkReconnect(reconnect) };
}

function checkReconnect(given: BrowserWebSocketOptions['reconnect']): BrowserSettings['reconnect'] {
  if (!given) return undefined;
  const { url, shouldReconnect, ...numbers } = given === true ? {} : given;
  return { ...checkNumbers(numbers, RECONNECT_DEFAULTS), url, shouldReconnect };
}

function checkNumbers<Name extends string>(
  given: object,
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const numbers: Record<Name, number> = { ...defaults };
  for (const [name, value] of Object.entries(given) as [Name, unknown][]) {
    if (value === undefined) continue;
    const isKnown = name in defaults;
    if (!isKnown || !((value as number) >= 0)) {
      const problem = isKnown ? 'must be a number' : (REASONS[name] ?? 'the browser decides');
      throw new FourDError('ERR_INVALID_OPTION', `option ${name}: ${problem}`);
    }
    numbers[name] = value as number;
  }
  return numbers;
}
