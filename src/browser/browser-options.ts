import { RECONNECT_DEFAULTS } from '../client/reconnect-defaults.ts';
import type { CheckedReconnect, ReconnectOptions } from '../client/reconnect-options.ts';
import type { SendableMessage } from '../session/message-types.ts';
import { FourDError } from './browser-error.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import { toWire, type Wire } from './messages.ts';

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
   * connection with `ERR_BUFFER_FULL`; what waits is delivered, or dropped when the client connects again. A browser cannot stop reading, as Node does, so messages wait in memory.
   * Default 16 777 216.
   */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * Whether to connect again when the connection is lost, as in Node: same policy, same defaults. Default false. The
   * client also tries at once when the network is back, and when the page is shown or thawed. It lets its connection go
   * when the page is frozen, or kept for the way back.
   */
  readonly reconnect?: boolean | BrowserReconnectOptions | undefined;
  /**
   * Silence of the server in milliseconds after which it is asked whether it lives. Default Infinity: never. A page can
   * send no ping, so the server is sent `pingMessage`, or with the subprotocol `4d-topics.1` the ping of that one. A
   * connection with that subprotocol is also lost after 1.5 times the `aliveMs` that its server promises.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * How long in milliseconds the server may stay silent after it was asked; then the connection is lost
   * (`ERR_HEARTBEAT`). Default 20 000. Any message counts as an answer. A page that was asleep asks anew.
   */
  readonly pongTimeoutMs?: number | undefined;
  /** A message that the server answers, as `send` takes it. Its answers reach onMessage. Default none. */
  readonly pingMessage?: SendableMessage | undefined;
}

type NumberName =
  | 'handshakeTimeoutMs'
  | 'connectTimeoutMs'
  | 'closeTimeoutMs'
  | 'maxBufferedBytes'
  | 'maxWaitingBytes'
  | 'pingIntervalMs'
  | 'pongTimeoutMs';

/** Options with every default filled in. */
export interface BrowserSettings extends Readonly<Record<NumberName, number>> {
  readonly protocols: readonly string[];
  readonly pingMessage: Wire | undefined;
  readonly reconnect: Omit<CheckedReconnect, 'headers'> | undefined;
}

const DEFAULTS: Readonly<
  Record<NumberName, number> &
    Pick<BrowserSettings, 'protocols'> &
    Pick<BrowserWebSocketOptions, 'pingMessage' | 'reconnect'>
> = {
  handshakeTimeoutMs: 10_000,
  connectTimeoutMs: 60_000,
  closeTimeoutMs: 10_000,
  maxBufferedBytes: 16_777_216,
  maxWaitingBytes: 16_777_216,
  pingIntervalMs: Infinity,
  pongTimeoutMs: 20_000,
  pingMessage: undefined,
  protocols: [],
  reconnect: undefined,
};

/**
 * Checks options, and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`; TypeError when an option is of another type
 */
export function checkOptions(options: BrowserWebSocketOptions): BrowserSettings {
  const settings = check(options, DEFAULTS);
  const { protocols, pingIntervalMs, pingMessage, reconnect } = settings;
  if (!protocols.includes(TOPICS_PROTOCOL) && (pingMessage === undefined) === pingIntervalMs < Infinity) {
    throw new FourDError('ERR_INVALID_OPTION', `pingIntervalMs needs pingMessage or ${TOPICS_PROTOCOL}`);
  }
  return {
    ...settings,
    pingMessage: pingMessage && toWire(pingMessage),
    reconnect: (reconnect &&
      check(reconnect, {
        ...RECONNECT_DEFAULTS,
        url: undefined,
        shouldReconnect: undefined,
      })) as BrowserSettings['reconnect'],
  };
}

/** Returns the defaults with the options in their place. */
function check<Defaults extends object>(given: unknown, defaults: Defaults): Defaults {
  const checked = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(given as object)) {
    let problem;
    // oxlint-disable-next-line typescript/restrict-template-expressions -- Commas stand between the names.
    if (!(name in defaults)) problem = `a page has only ${Object.keys(defaults)}`;
    else if (value === undefined) continue;
    else if (typeof checked[name] === 'number' && !(typeof value === 'number' && value >= 0))
      problem = `must be a number from 0: ${typeof value} ${value}`;
    if (problem) throw new FourDError('ERR_INVALID_OPTION', `option ${name}: ${problem}`);
    checked[name] = value;
  }
  return checked as Defaults;
}
