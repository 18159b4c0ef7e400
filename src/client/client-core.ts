import type { Socket } from 'node:net';
import { type EndCause, type EndPhase, FourDError, textOfThrown, withEnding } from '../errors.ts';
import { CompressionFactory } from '../connection/zlib.ts';
import type { HandshakeAgreement } from '../handshake/client-handshake.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../protocol/constants.ts';
import type { CheckedOptions } from '../session/common-options.ts';
import { checkDataType, type DataType } from '../session/data-type.ts';
import { endingText } from '../session/ending-text.ts';
import { openConnection } from '../session/open-connection.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { currentContext } from '../workers/worker.ts';
import { type ClientSettings, parseClientOptions, type WebSocketOptions } from './client-options.ts';
import { ClientSession, type ClientSessionOwner } from './client-session.ts';
import type { DialListener } from './dial.ts';
import { checkHeaders } from './headers.ts';
import { Reconnector, type ReconnectorOwner } from './reconnector.ts';
import { RedirectingDial } from './redirects.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

/** What is read of a handler. */
interface HandlerSettings {
  readonly dataType?: unknown;
  readonly headers?: unknown;
}

const DEFAULT_SETTINGS: ClientSettings = parseClientOptions({});

/** Opens the connection of one client, and those that follow it, and tells how it went. */
export class ClientCore implements ClientSessionOwner, DialListener, ReconnectorOwner {
  readonly subject: object;
  readonly session: ClientSession;
  /** Resolves when onOpen has run, to undefined, or when the connection is not possible, to the error. Never rejects. */
  readonly result: Promise<FourDError | undefined>;
  /** Resolves when onTerminate has run. */
  readonly finished: Promise<void>;
  /** The subprotocol that was agreed on. */
  protocol = '';
  /** True when a failure is to be told by {@link result} alone, because nobody holds the object yet. */
  isSilent = false;
  readonly #limits: CheckedOptions;
  readonly #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;
  readonly #reconnector: Reconnector | undefined;
  #dial: RedirectingDial | undefined;
  /** Begins an attempt; throws when what the user has given cannot be used. Undefined when there will be no other one. */
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
      const given = handler as HandlerSettings;
      if (typeof handler !== 'object' || handler === null) throw invalidHandler('it must be an object');
      settings = parseClientOptions(options);
      dataType = checkDataType(given.dataType, 'HTCL');
      const headers = checkHeaders(given.headers);
      if (settings.signal?.aborted === true) throw aborted(settings.signal);
      const { limits, tls, chooseProxy, followRedirects } = settings;
      const { protocols, handshakeTimeoutMs, compression } = limits;
      const offer = { protocols, deflate: compression };
      connect = (newUrl, newHeaders) => {
        const sent = newHeaders === undefined ? headers : checkHeaders(newHeaders);
        const how = { headers: sent, offer, handshakeTimeoutMs, tls, chooseProxy, followRedirects };
        return new RedirectingDial(newUrl === undefined ? url : (newUrl as string), how, this);
      };
    } catch (thrown) {
      connect = () => {
        throw thrown;
      };
    }
    const { worker } = currentContext();
    const { limits, reconnect, signal } = settings;
    this.#limits = limits;
    this.#connect = connect;
    this.#signal = signal;
    if (signal !== undefined) {
      this.#onAbort = () => this.#abort();
      signal.addEventListener('abort', this.#onAbort);
    }
    this.#reconnector = reconnect && new Reconnector(reconnect, worker, limits.handshakeTimeoutMs, this);
    this.session = new ClientSession(this, handler ?? {}, { dataType, worker, limits }, this.#reconnector);
    this.onAttempt();
  }

  /** Ends the connection in order, or gives up connecting. */
  terminate(code: number, reason: string): void {
    this.#end(code, reason, 'local');
  }

  /** Gives up connecting. Does nothing when it has failed already. */
  onAborted(cause: EndCause): void {
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
      const error = thrown instanceof FourDError ? thrown : invalidHandler(textOfThrown(thrown), thrown);
      // Later, as every other failure: the caller has the object by then.
      setImmediate(() => this.onConnectFailed(error));
    }
  }

  // DialListener

  onConnected(socket: Socket, head: Buffer, { protocol, deflate }: HandshakeAgreement): void {
    this.#dial = undefined;
    // It holds all that was given to connect with.
    if (this.#reconnector === undefined) this.#connect = undefined;
    this.protocol = protocol;
    const { compression } = this.#limits;
    const agreed = compression && deflate && new CompressionFactory('client', compression).create(deflate);
    const opened = { transport: new SocketTransport(socket), head, answer: '', compression: agreed };
    this.session.open(openConnection(opened, 'client', this.session.dataType, this.#limits));
  }

  onConnectFailed(error: FourDError): void {
    if (this.session.status !== 'Connecting') return;
    withEnding(error, this.connectPhase, 'invalid');
    this.#dial = undefined;
    if (this.#reconnector?.attemptFailed(error) === true) return;
    // What the user decided may have been to terminate.
    if (this.session.status !== 'Connecting') return;
    if (this.isSilent) this.#cancel();
    else this.session.failToOpen(error);
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
    this.#forgetSignal();
    this.#resolveFinished();
  }

  /** A session that nobody has seen ends without a sound. */
  #cancel(): void {
    this.#forgetSignal();
    this.session.cancel();
  }

  #forgetSignal(): void {
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  #end(code: number, reason: string, cause: EndCause): void {
    const { status } = this.session;
    if (status === 'Connecting') this.onAborted(cause);
    else if (status === 'Connected') this.session.close(code, reason, undefined, cause);
    else this.session.stayClosed();
  }

  #abort(): void {
    // Whoever aborts is in the middle of something else: no callback within that.
    setImmediate(() => {
      if (this.#hasOpened || this.session.status !== 'Connecting') {
        this.#end(CLOSE_NORMAL, '', 'aborted');
        return;
      }
      this.#dial?.abort();
      this.onConnectFailed(aborted(this.#signal as AbortSignal));
    });
  }
}

function aborted(signal: AbortSignal): FourDError {
  const details = { componentSignature: 'HTCL', cause: signal.reason as unknown } as const;
  return new FourDError('ERR_ABORTED', 'connecting was given up: the option signal was aborted', details);
}

/** @param cause - what a getter of the handler, or of the options, has thrown */
function invalidHandler(problem: string, cause?: unknown): FourDError {
  return new FourDError('ERR_INVALID_HANDLER', `invalid handler: ${problem}`, { componentSignature: 'HTCL', cause });
}
