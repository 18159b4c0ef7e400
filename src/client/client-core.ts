import { setImmediate } from '../base/clock.ts';
import type { Socket } from 'node:net';
import { type EndCause, type EndPhase, type FourDError, isFourDError, withEnding } from '../errors.ts';
import { startDebugLog } from '../diagnostics/debug-log.ts';
import { clients } from '../diagnostics/sources.ts';
import { CompressionFactory } from '../connection/zlib.ts';
import type { HandshakeAgreement } from '../handshake/client-handshake.ts';
import type { StoredAnswer } from '../handshake/stored-answer.ts';
import { CLOSE_NORMAL } from '../protocol/constants.ts';
import type { CallSite } from '../session/call-site.ts';
import { warnOfCallbacks } from '../session/callback-warnings.ts';
import { hasCallback } from '../session/call-handler.ts';
import { checkBorrowed, type CheckedOptions } from '../session/common-options.ts';
import { checkDataType } from '../session/data-type.ts';
import type { DataType } from '../session/message-types.ts';
import { openConnection } from '../session/open-connection.ts';
import { type CheckedValidation, checkValidation, NO_VALIDATION } from '../session/validation.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import { CallScope } from '../workers/call-scope.ts';
import { generateError, reportError } from '../workers/error-handling.ts';
import { type Attempt, FailedAttempt } from './attempt.ts';
import { aborted, gaveUp, reconnectOff } from './client-errors.ts';
import { countAttempt, countFailure } from './client-observing.ts';
import { ClientLife } from './client-life.ts';
import { readHandler, unreadableHandler } from './client-handler.ts';
import { type ClientSettings, parseClientOptions, type WebSocketOptions } from './client-options.ts';
import { ClientSession, type ClientSessionOwner } from './client-session.ts';
import { ConnectDeadline } from './connect-deadline.ts';
import type { DialListener } from './dial.ts';
import { checkHeaders } from './headers.ts';
import { codeOf } from './node-error.ts';
import { Reconnector, type ReconnectorOwner } from './reconnector.ts';
import { RedirectingDial } from './redirects.ts';
import type { SignalOption } from './signal-option.ts';
import { TopicClient } from './topic-client.ts';
import { toUrlText } from './url-text.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

const DEFAULT_SETTINGS: ClientSettings = parseClientOptions({});

/** Begins an attempt; throws when the URL or the headers of a function of the user cannot be used. */
type Connect = (newUrl: unknown, newHeaders: unknown) => Attempt;

/** What {@link ClientCore} makes of its arguments. */
interface Arguments {
  readonly settings: ClientSettings;
  readonly dataType: DataType;
  readonly validation: CheckedValidation;
  /** The error of an argument that cannot be used stands for every attempt. */
  readonly connect: Connect | FourDError;
  /** Undefined without the option `topics`. */
  readonly topics: TopicClient | undefined;
}

/** Opens the connections of one client, one after the other, and reports the outcome to its session. */
export class ClientCore implements ClientSessionOwner, DialListener, ReconnectorOwner {
  readonly subject: object;
  /** Unique in this Node process. */
  readonly id: number;
  /** The subprotocol that the server chose, `''` for none. */
  protocol = '';
  /** The 101 of the newest connection. */
  answer: StoredAnswer | undefined;
  /** Undefined without the option `topics`. */
  readonly topics: TopicClient | undefined;
  /** True when a failure is reported by {@link result} alone, because nobody holds the object yet. */
  isSilent = false;
  readonly #limits: CheckedOptions;
  /** Where the user's code runs, in the present life. */
  #scope = new CallScope('4D-WebSocket', false);
  readonly #signal: SignalOption | undefined;
  /** Undefined, like {@link #connect} and {@link #callSite}, when there will be no other attempt. */
  #settings: ClientSettings | undefined;
  #connect: Connect | FourDError | undefined;
  #callSite: CallSite | undefined;
  #session: ClientSession;
  #life = new ClientLife();
  /** Begins when onTerminate of the present life has run. */
  #nextLife: ClientLife | undefined;
  #attempt: Attempt | undefined;
  /** Counts the calls that end an attempt. */
  #endCount = 0;
  /** Undefined once there was a connection. */
  #deadline: ConnectDeadline | undefined;
  #hasConnected = false;

  /** @param callSite - where the user's code made the client */
  constructor(subject: object, url: string, handler: object, options: WebSocketOptions, callSite: CallSite) {
    this.subject = subject;
    this.#callSite = callSite;
    const { settings, dataType, validation, connect, topics } = this.#read(url, handler, options);
    this.#settings = settings;
    this.#connect = connect;
    this.#limits = settings.limits;
    this.#signal = settings.signal;
    startDebugLog();
    const { limits } = settings;
    const ofSession = { dataType, scope: this.#scope, limits, observed: clients.observed, ...validation };
    const args = [this, handler ?? {}, ofSession, this.#createReconnector(), false] as const;
    this.topics = topics;
    this.#session = topics === undefined ? new ClientSession(...args) : topics.createSession(...args);
    this.id = this.#session.id;
    this.#begin();
  }

  get session(): ClientSession {
    return this.#session;
  }

  /** See {@link ClientLife}. Of the next life, as soon as it is sure to come. */
  get result(): Promise<FourDError | undefined> {
    return (this.#nextLife ?? this.#life).result;
  }

  /** See {@link ClientLife}. */
  get finished(): Promise<void> {
    return this.#life.finished;
  }

  /** Closes the connection with a closing handshake, or gives up connecting. */
  terminate(code: number, reason: string): void {
    this.#end(code, reason, 'local');
  }

  /** Ends the connection without a closing handshake, or gives up connecting. */
  destroy(): void {
    this.#cancelNextLife('local');
    if (this.session.status === 'Connecting') this.giveUpConnecting('local');
    else this.session.destroy('local');
  }

  /**
   * Connects again now. A client that is about to end does so when its onTerminate has run. Does nothing when the
   * signal was aborted or the worker is ending, because the connection would end at once.
   */
  reconnect(): void {
    try {
      if (this.#settings?.reconnect === undefined) throw reconnectOff();
      if (!this.#mayBegin) return;
    } catch (thrown) {
      generateError(thrown as FourDError, undefined);
      return;
    }
    if (this.session.isFinished) this.#beginAgain(new ClientLife());
    else if (this.session.reconnectNow()) {
      this.#endAttempt();
      this.#startDeadline();
    } else this.#nextLife ??= new ClientLife();
  }

  /** Gives up connecting. Does nothing when connecting has failed already. */
  giveUpConnecting(cause: EndCause): void {
    if (this.session.status !== 'Connecting') return;
    const phase = this.connectPhase;
    this.#endAttempt();
    this.#stopDeadline();
    if (this.isSilent) this.#cancel(cause, phase);
    else this.session.giveUp(cause, phase);
    this.#life.resolve(gaveUp(cause, phase));
  }

  // ReconnectorOwner

  onAttempt(newUrl?: unknown, newHeaders?: unknown): void {
    if (typeof this.#connect !== 'function') return;
    const endCount = this.#endCount;
    let attempt: Attempt;
    try {
      attempt = this.#connect(newUrl, newHeaders);
    } catch (thrown) {
      attempt = new FailedAttempt(toArgumentError(thrown), this);
    }
    // A function of the user, such as `tls.lookup`, may have ended the attempt while it began.
    if (this.#endCount === endCount) this.#attempt = attempt;
    else attempt.abort();
  }

  // DialListener

  onConnected(socket: Socket, head: Buffer, { protocol, deflate }: HandshakeAgreement, answer: StoredAnswer): void {
    this.#attempt = undefined;
    this.#stopDeadline();
    const keepsUnsent = this.#settings?.reconnect !== undefined;
    if (!keepsUnsent) {
      // URL, headers and TLS options, which only another attempt needs.
      this.#connect = undefined;
      this.#settings = undefined;
      this.#callSite = undefined;
    }
    this.protocol = protocol;
    this.answer = answer;
    this.#hasConnected = true;
    // From onOpen on the user holds the object.
    this.isSilent = false;
    const { compression } = this.#limits;
    const agreedCompression = compression && deflate && new CompressionFactory('client', compression).create(deflate);
    const opened = { transport: new SocketTransport(socket), head, answer: '', compression: agreedCompression };
    this.session.open(openConnection(opened, 'client', this.session, this.#limits, keepsUnsent), protocol);
  }

  onConnectFailed(error: FourDError): void {
    if (this.session.status !== 'Connecting') return;
    this.#callSite?.giveTo(error);
    const { endCause = 'connect', phase = 'connecting' } = withEnding(error, this.connectPhase, 'invalid');
    this.#attempt = undefined;
    countFailure(this.id, this.#scope, error, endCause, phase);
    this.#deadline?.noteFailure(error);
    if (this.session.retryAfterFailure(error, endCause, phase)) return;
    // The user's shouldReconnect may have called terminate().
    if (this.session.status === 'Connecting') this.#fail(error, endCause, phase);
  }

  // ClientSessionOwner

  get connectPhase(): EndPhase {
    return this.#attempt?.phase ?? 'preparing';
  }

  onOpened(): void {
    this.#life.resolve(undefined);
  }

  onFinished(): void {
    this.#signal?.forget();
    this.#scope.end();
    this.#life.finish();
    const next = this.#nextLife;
    this.#nextLife = undefined;
    if (next === undefined) return;
    if (this.session.isWorkerEnding) next.resolve(gaveUp('worker', 'preparing'));
    else this.#beginAgain(next);
  }

  /** Checks the arguments of the user. */
  #read(url: string, handler: object, options: WebSocketOptions): Arguments {
    let settings = DEFAULT_SETTINGS;
    let dataType: DataType = 'text';
    let validation = NO_VALIDATION;
    try {
      settings = parseClientOptions(options);
      const target = parseWebSocketUrl(url);
      const given = readHandler(handler);
      dataType = checkDataType(given.dataType, 'HTCL');
      checkBorrowed(settings.limits, dataType, 'HTCL');
      validation = checkValidation(given, dataType, settings.limits, 'HTCL', handler);
      const headers = checkHeaders(given.headers);
      if (settings.limits.warnings) warnOfCallbacks(handler, 'client');
      const { limits, tls, chooseProxy, followRedirects } = settings;
      const { protocols, handshakeTimeoutMs, compression } = limits;
      const offered = [...new Set(settings.hasTopics ? [TOPICS_PROTOCOL, ...protocols] : protocols)];
      const topics = settings.hasTopics ? new TopicClient(offered, limits.warnings) : undefined;
      const connect: Connect = (newUrl, newHeaders) => {
        const nextUrl = newUrl === undefined ? url : toUrlText(newUrl);
        countAttempt(this.session, this.#scope, nextUrl);
        const requestHeaders = newHeaders === undefined ? headers : checkHeaders(newHeaders);
        const offer = { protocols: offered, deflate: compression };
        const dialOptions = {
          headers: requestHeaders,
          offer,
          handshakeTimeoutMs,
          tls,
          chooseProxy,
          followRedirects,
          scope: this.#scope,
        };
        return newUrl === undefined
          ? new RedirectingDial(url, dialOptions, this, target)
          : new RedirectingDial(nextUrl as string, dialOptions, this);
      };
      return { settings, dataType, validation, connect, topics };
    } catch (thrown) {
      return { settings, dataType, validation, connect: toArgumentError(thrown), topics: undefined };
    }
  }

  #createReconnector(): Reconnector | undefined {
    const reconnect = this.#settings?.reconnect;
    return reconnect && new Reconnector(reconnect, this.#scope, this.#limits.handshakeTimeoutMs, this);
  }

  /** Makes the first attempt of the first life. */
  #begin(): void {
    if (this.#prepare()) this.onAttempt();
  }

  /** Begins another life, with a session of its own. */
  #beginAgain(life: ClientLife): void {
    this.#life = life;
    // The scope of the life before is over. The contexts are still those in which the client was created.
    this.#scope = this.#scope.run(() => new CallScope('4D-WebSocket', false));
    this.#session = this.#session.createSuccessor(this.#scope, this.#createReconnector(), this.#hasConnected);
    if (this.#prepare()) this.#session.reconnectNow();
  }

  /**
   * Prepares for the first attempt of a life. Returns false when no attempt can be made, which is told in a later
   * turn.
   */
  #prepare(): boolean {
    try {
      if (isFourDError(this.#connect)) throw this.#connect;
      if (this.#signal?.isAborted === true) throw aborted(this.#signal);
      this.#signal?.listen(() => this.#abort());
    } catch (thrown) {
      // Every other attempt would end in the same way.
      this.session.stayClosed();
      this.#attempt = new FailedAttempt(thrown as FourDError, this);
      return false;
    }
    this.#startDeadline();
    return true;
  }

  /** Whether a new connection would not end at once. @throws FourDError when the signal cannot be read */
  get #mayBegin(): boolean {
    return !this.session.isWorkerEnding && this.#signal?.isAborted !== true;
  }

  #startDeadline(): void {
    this.#stopDeadline();
    const connectTimeoutMs = this.#settings?.connectTimeoutMs ?? Infinity;
    if (this.#hasConnected || connectTimeoutMs === Infinity) return;
    this.#deadline = new ConnectDeadline(connectTimeoutMs, (deadline) => {
      const phase = this.connectPhase;
      this.#endAttempt();
      const error = deadline.toError(phase);
      countFailure(this.id, this.#scope, error, 'timeout', phase);
      this.#callSite?.giveTo(error);
      this.#fail(error, 'timeout', phase);
    });
  }

  #stopDeadline(): void {
    this.#deadline?.stop();
    this.#deadline = undefined;
  }

  #endAttempt(): void {
    this.#endCount++;
    this.#attempt?.abort();
    this.#attempt = undefined;
  }

  /** Ends a client that has no connection, because of an error. */
  #fail(error: FourDError, cause: EndCause, phase: EndPhase): void {
    this.#stopDeadline();
    // Before the callbacks, whose reconnect() may begin the next life.
    this.#life.resolve(error);
    if (this.isSilent) this.#cancel(cause, phase);
    else {
      const isUnheard = codeOf(error) === 'ERR_INVALID_HANDLER' && !hasCallback(this.session.handler, 'onError');
      if (isUnheard) reportError(error, this.#scope.worker);
      this.session.failToOpen(error, cause, phase);
    }
  }

  /** Ends a session that nobody holds yet, without a callback. */
  #cancel(cause: EndCause, phase: EndPhase): void {
    // The signal may be an object of the user.
    this.#scope.run(() => this.#signal?.forget());
    this.#scope.end();
    this.session.cancel({ cause, phase });
  }

  #end(code: number, reason: string, cause: EndCause): void {
    this.#cancelNextLife(cause);
    if (this.session.status === 'Connecting') this.giveUpConnecting(cause);
    else this.session.close(code, reason, undefined, cause);
  }

  #cancelNextLife(cause: EndCause): void {
    this.#nextLife?.resolve(gaveUp(cause, 'preparing'));
    this.#nextLife = undefined;
  }

  #abort(): void {
    // No callback may run within the caller's abort(), nor in its contexts.
    setImmediate(() => this.#scope.run(() => this.#endAborted()));
  }

  #endAborted(): void {
    if (this.#hasConnected || this.session.status !== 'Connecting') {
      this.#end(CLOSE_NORMAL, '', 'aborted');
      return;
    }
    this.#attempt?.abort();
    this.onConnectFailed(aborted(this.#signal as SignalOption));
  }
}

function toArgumentError(thrown: unknown): FourDError {
  return isFourDError(thrown) ? thrown : unreadableHandler(thrown);
}
