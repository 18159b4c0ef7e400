import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { checkCommon, COMMON_KEYS, type CheckedOptions, type CommonOptions } from '../session/common-options.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { checkFlag, checkNumber, DURATION, readOptions } from '../session/option-checks.ts';
import { checkProxy, type ProxyChoice } from './proxy-option.ts';
import { type CheckedReconnect, checkReconnect, type ReconnectOptions } from './reconnect-options.ts';
import { SignalOption } from './signal-option.ts';
import { checkTls } from './tls-option.ts';

/** Options of a client. */
export interface WebSocketOptions extends CommonOptions {
  /**
   * TLS options of Node (`ca`, `cert`, `key`, `rejectUnauthorized`, …) for `wss:`. Default: the certificates that Node
   * trusts. Turning `rejectUnauthorized` off lets anyone in between read and change everything. The object is read
   * once; what its functions (`checkServerIdentity`, `lookup`, `pskCallback`) throw is the error of the connection.
   */
  readonly tls?: TlsOptions | undefined;
  /**
   * Whether to connect again when the connection is lost. Default false. `true` takes the defaults of
   * {@link ReconnectOptions}. The first connection is tried again too, for {@link connectTimeoutMs}. Messages that a
   * lost connection had not handed to the system are sent on the next one, in order and once. Those that it had handed
   * over may have arrived or not, which only your own protocol can tell: `uncertainMessages` of the events counts them.
   */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
  /**
   * Longest time in milliseconds until the first connection is open, over all attempts, or Infinity. Default 60 000
   * with the option `reconnect`, otherwise Infinity: the only attempt ends with `handshakeTimeoutMs`. When the time is
   * over, connecting fails with `ERR_CONNECT_TIMEOUT`, whose cause is the error of the last attempt.
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * A signal that ends the socket when it is aborted. Before onOpen, connecting fails with `ERR_ABORTED`. Afterwards
   * the socket ends as with `terminate()`: code 1000, no error, no reconnecting. Default none.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * A proxy to go through: `http://[user:password@]host[:port]` or `https://…` (CONNECT), `socks5://…` (this program
   * resolves the host's name) or `socks5h://…` (the proxy does), as text or as a URL object. `'environment'` takes `HTTPS_PROXY` for wss,
   * `HTTP_PROXY` for ws, else `ALL_PROXY`, and no proxy for the hosts in `NO_PROXY`. Default none. With `ws:` the proxy
   * can read and change everything; with `wss:` it sees the host's name.
   */
  readonly proxy?: string | URL | undefined;
  /**
   * Whether the client uses topics: it offers the subprotocol `4d-topics.1` before `protocols`, and `subscribe`, `publish`
   * and `request` work when the server chooses it. Then text messages travel as frames, which neither `send` nor onMessage
   * shows. Default false.
   */
  readonly topics?: boolean | undefined;
  /**
   * How many redirects are followed, 0 to 20. Default 0: a redirect is a refusal like any other. A redirect from wss to
   * ws is never followed. A server of another origin gets none of the handler's headers, nor user and password of the
   * URL, nor a client certificate. Whoever answers for the server chooses where this program connects to: keep 0 inside
   * a network that trusts this program.
   */
  readonly followRedirects?: number | undefined;
}

export const CLIENT_KEYS: ReadonlySet<string> = new Set([
  ...COMMON_KEYS,
  'tls',
  'reconnect',
  'connectTimeoutMs',
  'signal',
  'proxy',
  'followRedirects',
  'topics',
]);

/** Default of `connectTimeoutMs` for clients that reconnect. */
const CONNECT_TIMEOUT_MS = 60_000;

const REDIRECT_RANGE = { min: 0, max: 20 } as const;

/** The checked options of a client, with every default filled in. */
export interface ClientSettings {
  readonly limits: CheckedOptions;
  readonly tls: TlsOptions;
  /** Undefined when the client does not reconnect. */
  readonly reconnect: CheckedReconnect | undefined;
  readonly connectTimeoutMs: number;
  readonly signal: SignalOption | undefined;
  readonly chooseProxy: ProxyChoice;
  readonly followRedirects: number;
  readonly hasTopics: boolean;
}

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function parseClientOptions(given: WebSocketOptions): ClientSettings {
  const options = readOptions(given, CLIENT_KEYS, 'HTCL', { foreign: FOREIGN_OPTIONS.client });
  const reconnect = checkReconnect(options.reconnect);
  const { connectTimeoutMs = reconnect === undefined ? Infinity : CONNECT_TIMEOUT_MS } = options;
  return {
    limits: checkCommon(options, 'HTCL'),
    tls: checkTls(options.tls),
    reconnect,
    connectTimeoutMs: checkNumber('connectTimeoutMs', connectTimeoutMs, DURATION, 'HTCL'),
    signal: options.signal === undefined ? undefined : new SignalOption(options.signal),
    chooseProxy: checkProxy(options.proxy),
    followRedirects: checkNumber('followRedirects', options.followRedirects ?? 0, REDIRECT_RANGE, 'HTCL'),
    hasTopics: checkFlag('topics', options.topics, 'HTCL') === true,
  };
}
