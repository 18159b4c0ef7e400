import { setImmediate } from '../base/clock.ts';
import type { Socket } from 'node:net';
import { type EndCause, type EndPhase, FourDError, isFourDError, textOfThrown, withEnding } from '../errors.ts';
import { CompressionFactory } from '../connection/zlib.ts';
import type { HandshakeAgreement } from '../handshake/client-handshake.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../protocol/constants.ts';
import type { CheckedOptions } from '../session/common-options.ts';
import { checkDataType, type DataType } from '../session/data-type.ts';
import { endingText } from '../session/ending-text.ts';
import { openConnection } from '../session/open-connection.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { CallScope } from '../workers/call-scope.ts';
import { type ClientSettings, parseClientOptions, type WebSocketOptions } from './client-options.ts';
import { ClientSession, type ClientSessionOwner } from './client-session.ts';
import type { DialListener } from './dial.ts';
import { checkHeaders } from './headers.ts';
import { Reconnector, type ReconnectorOwner } from './reconnector.ts';
import { RedirectingDial } from './redirects.ts';
import type { SignalOption } from './signal-option.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

/** The members of a handler that are read here. */
interface HandlerSettings {
  readonly dataType?: unknown;
  readonly headers?: unknown;
}

const DEFAULT_SETTINGS: ClientSettings = parseClientOptions({});

/** Opens the connection of one client, reconnects, and reports the outcome to the session. */
export class ClientCore implements ClientSessionOwner, DialListener, ReconnectorOwner {
  readonly subject: object;
  readonly session: ClientSession;
  /** Resolves to undefined when onOpen has run, or to the error when connecting has failed. Never rejects. */
  readonly result: Promise<FourDError | undefined>;
  /** Resolves when onTerminate has run. */
  readonly finished: Promise<void>;
  /** The subprotocol that the server chose, `''` for none. */
  protocol = '';
  /** True when a failure is reported by {@link result} alone, because nobody holds the object yet. */
  isSilent = false;
  readonly #limits: CheckedOptions;
  /** Where the user's code runs. */
  readonly #scope = new CallScope('4D-WebSocket', false);
  readonly #signal: SignalOption | undefined;
  readonly #reconnector: Reconnector | undefined;
  #dial: RedirectingDial | undefined;
  /**
   * Begins an attempt; throws when an argument of the user cannot be used. Undefined when there will be no other
   * attempt.
   */
  #connect: ((newUrl?: unknown, newHeaders?: unknown) => RedirectingDial) | undefined;
  #hasOpened = false;
  #resolve!: (error: FourDError | undefined) => void;
  #resolveFinished!: () => void;

  constructor(subject: object, url: string, handler: object, options: WebSocketOptions) {
    this.subject = subject;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
    let settings = DEFAULT_SETTINGS;
    let dataType: DataType = 'text';
    let connect: (newUrl?: unknown, newHeaders?: unknown) => RedirectingDial;
    try {
      parseWebSocketUrl(url);
      const given = readHandler(handler);
      settings = parseClientOptions(options);
      dataType = checkDataType(given.dataType, 'HTCL');
      const headers = checkHeaders(given.headers);
      if (settings.signal?.isAborted === true) throw aborted(settings.signal);
      settings.signal?.listen(() => this.#abort());
      const { limits, tls, chooseProxy, followRedirects } = settings;
      const { protocols, handshakeTimeoutMs, compression } = limits;
      const offer = { protocols, deflate: compression };
      connect = (newUrl, newHeaders) => {
        const requestHeaders = newHeaders === undefined ? headers : checkHeaders(newHeaders);
        const dialOptions = {
          headers: requestHeaders,
          offer,
          handshakeTimeoutMs,
          tls,
          chooseProxy,
          followRedirects,
          scope: this.#scope,
        };
        return new RedirectingDial(newUrl === undefined ? url : (newUrl as string), dialOptions, this);
      };
    } catch (thrown) {
      connect = () => {
        throw thrown;
      };
    }
    const { limits, reconnect, signal } = settings;
    this.#limits = limits;
    this.#connect = connect;
    this.#signal = signal;
    this.#reconnector = reconnect && new Reconnector(reconnect, this.#scope, limits.handshakeTimeoutMs, this);
    this.session = new ClientSession(this, handler ?? {}, { dataType, scope: this.#scope, limits }, this.#reconnector);
    this.onAttempt();
  }

  /** Closes the connection with a closing handshake, or gives up connecting. */
  terminate(code: number, reason: string): void {
    this.#end(code, reason, 'local');
  }

  /** Ends the connection without a closing handshake, or gives up connecting. */
  destroy(): void {
    if (this.session.status === 'Connecting') this.giveUpConnecting('local');
    else this.session.destroy('local');
  }

  /** Gives up connecting. Does nothing when connecting has failed already. */
  giveUpConnecting(cause: EndCause): void {
    if (this.session.status !== 'Connecting') return;
    this.#dial?.abort();
    const phase = this.connectPhase;
    if (this.isSilent) this.#cancel();
    else this.session.giveUp(cause, phase);
    const message = endingText({ cause, phase, code: CLOSE_ABNORMAL });
    const details = { componentSignature: 'HTCL', endCause: cause, phase } as const;
    this.#resolve(new FourDError('ERR_CONNECT_FAILED', message, details));
  }

  // ReconnectorOwner

  onAttempt(newUrl?: unknown, newHeaders?: unknown): void {
    try {
      this.#dial = this.#connect?.(newUrl, newHeaders);
    } catch (thrown) {
      const error = isFourDError(thrown) ? thrown : invalidHandler(textOfThrown(thrown), thrown);
      // Like every other failure this one is reported in a later turn, when the caller has the object.
      setImmediate(() => this.onConnectFailed(error));
    }
  }

  // DialListener

  onConnected(socket: Socket, head: Buffer, { protocol, deflate }: HandshakeAgreement): void {
    this.#dial = undefined;
    // The closure holds URL, headers and TLS options, which only another attempt needs.
    if (this.#reconnector === undefined) this.#connect = undefined;
    this.protocol = protocol;
    const { compression } = this.#limits;
    const agreedCompression = compression && deflate && new CompressionFactory('client', compression).create(deflate);
    const opened = { transport: new SocketTransport(socket), head, answer: '', compression: agreedCompression };
    const keepsUnsent = this.#reconnector !== undefined;
    this.session.open(openConnection(opened, 'client', this.session.dataType, this.#limits, keepsUnsent));
  }

  onConnectFailed(error: FourDError): void {
    if (this.session.status !== 'Connecting') return;
    const { endCause = 'connect', phase = 'connecting' } = withEnding(error, this.connectPhase, 'invalid');
    this.#dial = undefined;
    if (this.#reconnector?.reconnectAfterFailure(error, endCause, phase) === true) return;
    // The user's shouldReconnect may have called terminate().
    if (this.session.status !== 'Connecting') return;
    if (this.isSilent) this.#cancel();
    else this.session.failToOpen(error, endCause, phase);
    this.#resolve(error);
  }

  // ClientSessionOwner

  get connectPhase(): EndPhase {
    return this.#dial?.phase ?? 'preparing';
  }

  onOpened(): void {
    this.#hasOpened = true;
    this.isSilent = false;
    this.#resolve(undefined);
  }

  onFinished(): void {
    this.#signal?.forget();
    this.#scope.end();
    this.#resolveFinished();
  }

  /** Ends a session that nobody holds yet, without a callback. */
  #cancel(): void {
    // The signal may be an object of the user.
    this.#scope.run(() => this.#signal?.forget());
    this.#scope.end();
    this.session.cancel();
  }

  #end(code: number, reason: string, cause: EndCause): void {
    const { status } = this.session;
    if (status === 'Connecting') this.giveUpConnecting(cause);
    else if (status === 'Connected') this.session.close(code, reason, undefined, cause);
    else this.session.stayClosed();
  }

  #abort(): void {
    // No callback may run within the caller's abort(), nor in its contexts.
    setImmediate(() => this.#scope.run(() => this.#endAborted()));
  }

  #endAborted(): void {
    if (this.#hasOpened || this.session.status !== 'Connecting') {
      this.#end(CLOSE_NORMAL, '', 'aborted');
      return;
    }
    this.#dial?.abort();
    this.onConnectFailed(aborted(this.#signal as SignalOption));
  }
}

/** Reads what a client needs of its handler, once. */
function readHandler(handler: unknown): HandlerSettings {
  if (typeof handler !== 'object' || handler === null) throw invalidHandler('it must be an object');
  try {
    const { dataType, headers } = handler as HandlerSettings;
    return { dataType, headers };
  } catch (thrown) {
    throw invalidHandler(textOfThrown(thrown), thrown);
  }
}

function aborted(signal: SignalOption): FourDError {
  const details = { componentSignature: 'HTCL', cause: signal.reason } as const;
  return new FourDError('ERR_ABORTED', 'gave up connecting: the option signal was aborted', details);
}

/** @param cause - what a getter of the handler has thrown */
function invalidHandler(problem: string, cause?: unknown): FourDError {
  return new FourDError('ERR_INVALID_HANDLER', `invalid handler: ${problem}`, { componentSignature: 'HTCL', cause });
}
