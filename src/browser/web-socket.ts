import type { EndCause, EndPhase, ErrorCode } from '../errors.ts';
import { backoffDelayMs, isTemporaryCloseCode } from '../client/reconnect-policy.ts';
import type { CheckedReconnect, ConnectionLoss } from '../client/reconnect-options.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { callHandler } from '../session/call-handler.ts';
import { isCloseCode } from '../session/close-arguments.ts';
import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
} from '../session/events.ts';
import type { DataType, SendableMessage } from '../session/message-types.ts';
import type { Status } from '../session/status.ts';
import { checkUrl, readDataType, toText } from './arguments.ts';
import { FourDError, report, textOf } from './browser-error.ts';
import { type BrowserSettings, type BrowserWebSocketOptions, checkOptions } from './browser-options.ts';
import type {
  BrowserTerminateEvent,
  WebSocket as WebSocketType,
  WebSocketConstructor,
  WebSocketHandler,
} from './browser-types.ts';
import { after, cancel, now, type Timer } from './clock.ts';
import { cutReason, sizeOf, toEventData, toWire, type Wire } from './messages.ts';
import { type NativeCloseEvent, type NativeSocket, OPEN, openNative } from './native-socket.ts';
import { watchPage } from './page.ts';

/** Bytes that wait in the browser when `send` begins to return `'queued'`. */
const QUEUED_BYTES = 65_536;
/** How often the client looks whether the browser has sent everything: there is no event for it. */
const DRAIN_CHECK_MS = 20;
/** What a waiting message counts besides its content. */
const MESSAGE_OVERHEAD_BYTES = 64;
/** How long the server has to answer the close frame of `reconnect()`. */
const RECONNECT_CLOSE_TIMEOUT_MS = 1000;
/** A page may send 1000 and 3000 to 4999 only: 1007, 1011 and 1013 become 4007, 4011 and 4013. */
const CLOSE_CODE_SHIFT = 3000;

/** The end of a connection, or of an attempt, without a close frame of the server. */
const ABNORMAL: NativeCloseEvent = { code: 1006, reason: '', wasClean: false };

type Outcome = FourDError | undefined;

/** An event that is delivered to the handler. */
type QueuedEvent =
  | OpenEvent
  | MessageEvent<unknown>
  | DrainEvent
  | DisconnectEvent
  | ReconnectEvent
  | ErrorEvent
  | BrowserTerminateEvent;

type Waiting = readonly [event: QueuedEvent, size: number];

let lastId = 0;

/** Implements {@link WebSocketType}. A class alone could not derive the type of `event.data` from its parameters. */
class WebSocketClient<T> implements WebSocketType<T> {
  readonly #id = ++lastId;
  readonly #url: string;
  readonly #handler: WebSocketHandler<T>;
  readonly #settings: BrowserSettings;
  readonly #dataType: DataType = 'text';
  /** The error of an argument that cannot be used, which ends every life at once. */
  readonly #argumentError: Outcome;
  #status: Status = 'Connecting';
  #protocol = '';
  /** True while a failure is told by {@link #result} alone, because nobody holds the object yet. */
  #isSilent = false;

  // One life: until onTerminate has run.
  readonly #waiting: Waiting[] = [];
  /** Events that waited before, the next one last: to shift a long array once for each event takes seconds. */
  #next: Waiting[] = [];
  #isBusy = false;
  /** True when message and drain events are no longer delivered. */
  #isMuted = false;
  /** Size of the messages that wait for a callback before them. */
  #waitingBytes = 0;
  /** Resolves to undefined when the first callback has run, or to the error when connecting has failed. */
  #result!: Promise<Outcome>;
  #resolve!: (outcome: Outcome) => void;
  /** True when there will be no further attempt. */
  #isOver = false;
  /** True when onError has run or is about to: it runs once at most. */
  #hasFailed = false;
  /** Number of the last attempt. */
  #attempt = 0;
  #openMs = 0;
  #uncertain = 0;
  #stopWatching: (() => void) | undefined;
  #connectTimer: Timer;

  // One connection, or one attempt.
  #native: NativeSocket | undefined;
  /** When the connection opened; undefined while there is none. */
  #openedAt: number | undefined;
  /** Messages that the browser has taken. */
  #handed = 0;
  /** Why this program closes the connection, and the error for which it does. */
  #ownCause: EndCause | undefined;
  #failure: Outcome;
  /** The wait before the attempt that follows whatever the end says; undefined when the policy decides. */
  #wantedDelayMs: number | undefined;
  #timer: Timer;
  /** Counts attempts, so that what belongs to an earlier one is ignored. */
  #stamp = 0;

  // All lives.
  #hasConnected = false;
  /** How many calls of onOpen and onReconnect wait or run. */
  #openCallbacks = 0;
  /** Messages of the last connection that may have arrived or not. */
  #lost = 0;
  /** Messages that wait for a connection. */
  #queue: Wire[] = [];
  #queuedBytes = 0;
  /** Pending while onDrain is to follow. */
  #drain: Promise<void> | undefined;

  static async connect<T>(...args: ConstructorParameters<typeof WebSocketClient<T>>): Promise<WebSocketType<T>> {
    const ws = new this<T>(...args);
    ws.#isSilent = true;
    const error = await ws.#result;
    if (error) throw error;
    return ws;
  }

  static readonly new = WebSocketClient.connect;

  constructor(url: string | URL, handler?: WebSocketHandler<T> | null, options: BrowserWebSocketOptions = {}) {
    this.#url = toText(url) as string;
    this.#handler = handler as WebSocketHandler<T>;
    this.#settings = checkOptions({});
    try {
      this.#settings = checkOptions(options);
      checkUrl(this.#url);
      this.#dataType = readDataType(handler ?? null);
    } catch (thrown) {
      this.#argumentError = toError(thrown, 'ERR_INVALID_OPTION', 'invalid');
    }
    this.#begin();
    void this.#connect();
  }

  get ready(): Promise<WebSocketType<T> | null> {
    return this.#result.then((error) => (error ? null : this));
  }

  get url(): string {
    return this.#url;
  }

  get handler(): WebSocketHandler<T> {
    return this.#handler;
  }

  get id(): number {
    return this.#id;
  }

  get dataType(): DataType {
    return this.#dataType;
  }

  get status(): Status {
    return this.#status;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes + (this.#native?.bufferedAmount ?? 0);
  }

  send(message: SendableMessage): SendStatus {
    const { maxBufferedBytes, reconnect } = this.#settings;
    const native = this.#native;
    const isOpen = native?.readyState === OPEN;
    if (!isOpen && this.#isOver) {
      if (this.#status !== 'Connecting') return 'dropped';
      throw new FourDError('ERR_NOT_CONNECTED', 'await ready first');
    }
    const wire = toWire(message);
    const bytes = sizeOf(wire) + (isOpen ? native.bufferedAmount : this.#queuedBytes);
    if (isOpen) {
      if (bytes > maxBufferedBytes) {
        this.#failWith(new FourDError('ERR_BUFFER_FULL', 'more than maxBufferedBytes wait', 'limit'));
        return 'dropped';
      }
      native.send(wire);
      this.#handed++;
      if (bytes <= QUEUED_BYTES) return 'sent';
    } else {
      const { maxQueuedMessages, maxQueuedBytes } = reconnect as CheckedReconnect;
      if (this.#queue.length >= maxQueuedMessages || bytes > maxQueuedBytes) return 'dropped';
      this.#queue.push(wire);
      this.#queuedBytes = bytes;
    }
    this.#drain ??= this.drained().then(() => {
      this.#drain = undefined;
      if (this.#status === 'Connected') this.#push({ type: 'drain' });
    });
    return 'queued';
  }

  async drained(): Promise<void> {
    do await new Promise<void>((resolve) => after(DRAIN_CHECK_MS, resolve));
    while (this.bufferedBytes > 0 && this.#status !== 'Closed');
  }

  terminate(code = 1000, reason = ''): void {
    const status = this.#status;
    if (status.startsWith('Connect') && !(isCloseCode(code) && typeof reason === 'string')) {
      throw new FourDError('ERR_INVALID_CLOSE_ARGUMENT', 'use 1000 or 3000 to 4999');
    }
    this.#stop('local');
    if (status === 'Connected') this.#close(code, cutReason(reason), this.#settings.closeTimeoutMs);
    else if (status === 'Connecting') this.#loseSoon();
  }

  destroy(): void {
    const isOpen = this.#openedAt;
    this.terminate();
    if (isOpen) this.#loseSoon();
  }

  reconnect(): void {
    if (!this.#settings.reconnect) throw new FourDError('ERR_RECONNECT_OFF', 'reconnect is off');
    this.#wantedDelayMs = 0;
    // A client that is ending has its onTerminate first.
    if (this.#status === 'Closed' && !this.#isBusy) this.#revive();
    else if (this.#isOver) return;
    else if (this.#status === 'Connected') this.#close(1000, '', RECONNECT_CLOSE_TIMEOUT_MS);
    else if (this.#status === 'Connecting') this.#lose();
  }

  // A life

  #begin(): void {
    this.#result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const { reconnect } = this.#settings;
    this.#isOver = !reconnect || !!this.#argumentError;
    this.#isMuted = this.#hasFailed = false;
    this.#attempt = this.#openMs = this.#uncertain = 0;
    this.#ownCause = undefined;
    if (reconnect) {
      this.#stopWatching = watchPage(
        () => this.#status === 'Connecting' && !this.#native && this.#retry(),
        () => {
          if (this.#isOver) return;
          this.#wantedDelayMs = Infinity;
          this.#lose();
        },
      );
    }
    if (this.#hasConnected) return;
    this.#connectTimer = after(this.#settings.connectTimeoutMs, () => {
      this.#isOver = true;
      this.#lose(timeout('ERR_CONNECT_TIMEOUT', 'connectTimeoutMs'));
    });
  }

  #revive(): void {
    this.#begin();
    if (this.#isOver) {
      // An argument cannot be used: it ends as the first time. What is wanted must not begin yet another life.
      this.#wantedDelayMs = undefined;
      void this.#connect();
    } else this.#lose();
  }

  // Callbacks

  /** Delivers an event: within this call when no callback runs, else after the events before it. */
  #push(event: QueuedEvent, size = 0): void {
    this.#waiting.push([event, size]);
    this.#waitingBytes += size;
    if (!this.#isBusy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    for (let next; (next = this.#next.pop() ?? (this.#next = this.#waiting.splice(0).toReversed()).pop());) {
      const [event, size] = next;
      const { type } = event;
      this.#waitingBytes -= size;
      if (this.#isMuted && (type === 'message' || type === 'drain')) continue;
      if (type === 'terminate') this.#status = 'Closed';
      if (type !== 'message') Object.freeze(event);
      // onOpen for "open".
      const name = `on${type.replace(/^./, (letter) => letter.toUpperCase())}`;
      try {
        const result = callHandler(this.#handler ?? {}, name, this, event) as PromiseLike<unknown> | undefined;
        // Awaiting anything else would make the events behind it wait for another turn.
        if (result?.then) await result;
      } catch (thrown) {
        this.#onCallbackFailed(type, name, thrown);
      }
      this.#onAfterCallback(type);
    }
    this.#isBusy = false;
  }

  #onAfterCallback(type: QueuedEvent['type']): void {
    if (type === 'open' || type === 'reconnect') {
      this.#resolve(undefined);
      // The connection may have been lost while its callback ran.
      if (--this.#openCallbacks > 0 || this.#native?.readyState !== OPEN) return;
      for (const wire of this.#takeQueue()) {
        this.#native.send(wire);
        this.#handed++;
      }
    } else if (type === 'terminate' && this.#wantedDelayMs !== undefined) this.#revive();
  }

  #onCallbackFailed(type: QueuedEvent['type'], name: string, cause: unknown): void {
    const error = new FourDError('ERR_CALLBACK_FAILED', `${name} failed: ${textOf(cause)}`, 'callback', cause);
    const isLate = this.#hasFailed || type === 'error' || type === 'terminate';
    const isConnecting = this.#status === 'Connecting';
    this.#stop('callback');
    this.#failWith(error);
    if (!isLate && !this.#hasFailed) {
      this.#hasFailed = true;
      this.#next.push([toErrorEvent(error), 0]);
      if (isConnecting) this.#loseSoon();
    }
    // A mistake in user code must not go unnoticed.
    if (isLate || !this.#handler.onError) report(error);
  }

  // An attempt

  #retry(): void {
    void this.#connect(this.#settings.reconnect?.url);
  }

  async #connect(toUrl?: () => unknown): Promise<void> {
    const { protocols, handshakeTimeoutMs } = this.#settings;
    const stamp = this.#nextStamp();
    this.#timer = after(handshakeTimeoutMs, () => this.#lose(timeout('ERR_HANDSHAKE_TIMEOUT', 'handshakeTimeoutMs')));
    let code: ErrorCode = 'ERR_CONNECT_FAILED';
    let endCause: EndCause = 'connect';
    try {
      if (this.#argumentError) throw this.#argumentError;
      const url = toUrl ? toText(await toUrl()) : this.#url;
      if (stamp !== this.#stamp) return;
      code = 'ERR_INVALID_OPTION';
      endCause = 'invalid';
      const native = openNative(checkUrl(url), protocols);
      this.#native = native;
      native.onopen = () => this.#onOpen(native);
      native.onmessage = ({ data }) => this.#onMessage(data);
      native.onclose = (event) => this.#onClose(event);
    } catch (thrown) {
      // No callback runs within the call that makes the client.
      await undefined;
      if (stamp === this.#stamp) this.#lose(toError(thrown, code, endCause));
    }
  }

  #onOpen({ protocol }: NativeSocket): void {
    cancel(this.#timer);
    cancel(this.#connectTimer);
    this.#protocol = protocol;
    this.#status = 'Connected';
    // From onOpen on the user holds the object.
    this.#isSilent = false;
    this.#openedAt = now();
    this.#openCallbacks++;
    const again = { type: 'reconnect', attempt: this.#attempt, uncertainMessages: this.#lost } as const;
    const event: QueuedEvent = this.#hasConnected ? again : { type: 'open' };
    this.#hasConnected = true;
    this.#push(event);
  }

  #onMessage(data: string | ArrayBuffer): void {
    try {
      const value = toEventData(this.#dataType, data);
      const size = sizeOf(data) + MESSAGE_OVERHEAD_BYTES;
      this.#push({ type: 'message', data: value, isBinary: typeof data !== 'string' }, size);
      if (this.#waitingBytes > this.#settings.maxWaitingBytes) {
        throw new FourDError('ERR_BUFFER_FULL', 'more than maxWaitingBytes wait', 'limit');
      }
    } catch (thrown) {
      this.#failWith(thrown as FourDError);
    }
  }

  #onClose(event: NativeCloseEvent): void {
    let error: Outcome;
    if (!this.#openedAt) {
      error = new FourDError('ERR_CONNECT_FAILED', 'see the console', 'connect');
    } else if (!event.wasClean) error = new FourDError('ERR_CONNECTION_LOST', 'lost', 'peer-reset');
    // A server that agrees to close has read what was sent before.
    else if (this.#ownCause) this.#handed = 0;
    this.#lose(error, event);
  }

  #takeQueue(): Wire[] {
    this.#queuedBytes = 0;
    return this.#queue.splice(0);
  }

  // The end

  /** There will be no further attempt. */
  #stop(cause: EndCause): void {
    this.#isOver = this.#isMuted = true;
    this.#ownCause ??= cause;
    this.#wantedDelayMs = undefined;
  }

  /** Closes an open connection because of an error. */
  #failWith(error: FourDError): void {
    if (this.#status !== 'Connected') return;
    this.#failure = Object.assign(error, { phase: 'open' });
    if (this.#isOver) this.#pushError(error);
    this.#close(error.errCode + CLOSE_CODE_SHIFT, '', this.#settings.closeTimeoutMs);
  }

  #pushError(error: FourDError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#push(toErrorEvent(error));
  }

  #close(code: number, reason: string, timeoutMs: number): void {
    const native = this.#native as NativeSocket;
    this.#status = 'Closing';
    this.#ownCause ??= 'local';
    native.onmessage = null;
    native.close(code, reason);
    this.#timer = after(timeoutMs, () => this.#lose(timeout('ERR_CLOSE_TIMEOUT', 'closeTimeoutMs')));
  }

  /** Begins another step, and drops what the steps before have begun. */
  #nextStamp(): number {
    cancel(this.#timer);
    return ++this.#stamp;
  }

  /** {@link #lose} in a later turn: no callback runs within a call of the user. */
  #loseSoon(): void {
    this.#status = 'Closing';
    const stamp = this.#nextStamp();
    queueMicrotask(() => stamp === this.#stamp && this.#lose());
  }

  /** A connection or an attempt is over, or given up: waits for the next attempt, or ends this life. */
  #lose(given?: Outcome, { code, reason, wasClean }: NativeCloseEvent = ABNORMAL): void {
    const native = this.#native;
    const error = this.#failure ?? given;
    const wasOpen = !!this.#openedAt;
    const isClosing = this.#status === 'Closing' && !wasClean;
    const phase: EndPhase = wasOpen ? (isClosing ? 'closing' : 'open') : native ? 'connecting' : 'preparing';
    const cause = error?.endCause ?? this.#ownCause ?? (wasClean ? 'peer-closed' : error ? 'invalid' : 'local');
    const openMs = this.#openedAt ? now() - this.#openedAt : 0;
    this.#lost = wasOpen ? this.#handed : this.#lost;
    this.#uncertain += this.#handed;
    this.#openMs += openMs;
    this.#handed = 0;
    this.#native = this.#openedAt = this.#failure = undefined;
    this.#nextStamp();
    if (native) {
      native.onopen = native.onmessage = native.onclose = null;
      native.close();
    }
    if (error) Object.assign(error, { phase: error.phase ?? phase, endCause: cause });
    this.#status = 'Closing';
    const event = { code, reason: reason || undefined, cause, phase };

    const delayMs = this.#nextDelay({ ...event, error, uncertainMessages: wasOpen ? this.#lost : 0 }, openMs);
    if (delayMs !== undefined) {
      this.#ownCause = undefined;
      this.#status = 'Connecting';
      this.#timer = after(delayMs, () => this.#retry());
      if (this.#hasConnected && (wasOpen || error)) {
        this.#push({ type: 'disconnect', cause, attempt: this.#attempt, delayMs });
      }
      return;
    }

    this.#isOver = true;
    cancel(this.#connectTimer);
    this.#stopWatching?.();
    this.#resolve(error ?? new FourDError('ERR_CONNECT_FAILED', 'gave up', cause));
    if (this.#isSilent) return;
    if (error) this.#pushError(error);
    this.#push({
      ...event,
      type: 'terminate',
      wasClean: wasClean && !error,
      message: error?.message ?? `${cause} (${code})`,
      openMs: this.#openMs,
      ...(this.#settings.reconnect && {
        reconnectAttempts: this.#attempt,
        unsentMessages: this.#takeQueue(),
        uncertainMessages: this.#uncertain,
      }),
    });
  }

  /** Decides as in Node whether and when to connect again. Returns undefined for not. */
  #nextDelay(loss: Omit<ConnectionLoss, 'attempt' | 'isTemporary'>, openMs: number): number | undefined {
    const { reconnect } = this.#settings;
    if (!reconnect || this.#isOver) return undefined;
    // Resetting the count when a connection opens would let a server that drops at once be called without a pause.
    if (openMs >= reconnect.maxDelayMs || this.#wantedDelayMs !== undefined) this.#attempt = 0;
    const attempt = this.#attempt + 1;
    if (this.#wantedDelayMs === undefined) {
      if (attempt > reconnect.maxAttempts) return undefined;
      const { code, cause, error } = loss;
      // A browser does not tell why an attempt has failed (1006), so every failure may pass.
      const isTemporary = cause !== 'invalid' && isTemporaryCloseCode(error?.closeCode ?? code);
      let isWanted: unknown = isTemporary;
      try {
        if (reconnect.shouldReconnect) isWanted = reconnect.shouldReconnect({ ...loss, attempt, isTemporary });
      } catch (thrown) {
        isWanted = false;
        report(thrown);
      }
      // The user's shouldReconnect may have called reconnect() or terminate().
      if (this.#isOver || (isWanted !== true && this.#wantedDelayMs === undefined)) return undefined;
    }
    this.#attempt = attempt;
    const delayMs = this.#wantedDelayMs ?? backoffDelayMs(attempt, reconnect, Math.random());
    this.#wantedDelayMs = undefined;
    return delayMs;
  }
}

function toErrorEvent(error: FourDError): QueuedEvent {
  return { type: 'error', errors: Object.freeze([error.item]), error };
}

function timeout(code: ErrorCode, option: string): FourDError {
  return new FourDError(code, `no answer within ${option}`, 'timeout');
}

/** Builds the error of what the browser, or code of the user, has thrown. */
function toError(cause: unknown, code: ErrorCode, endCause: EndCause): FourDError {
  return cause instanceof FourDError ? cause : new FourDError(code, textOf(cause), endCause, cause);
}

export const WebSocket: WebSocketConstructor = WebSocketClient;

/** The type of its objects, under the same name. */
export type WebSocket<T = string> = WebSocketType<T>;
