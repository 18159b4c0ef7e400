import type { EndCause, EndPhase } from '../errors.ts';
import type { CheckedReconnect } from '../client/reconnect-options.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { callHandler } from '../session/call-handler.ts';
import { isCloseCode } from '../session/close-arguments.ts';
import type { DataType, SendableMessage } from '../session/message-types.ts';
import type { Status } from '../session/status.ts';
import { checkUrl, readDataType, toText } from './arguments.ts';
import { FourDError, report, textOf, timeoutError, toError } from './browser-error.ts';
import { type BrowserSettings, type BrowserWebSocketOptions, checkOptions } from './browser-options.ts';
import type { WebSocket as WebSocketType, WebSocketConstructor, WebSocketHandler } from './browser-types.ts';
import type { QueuedEvent } from './queued-event.ts';
import { after, cancel, now, type Timer } from './clock.ts';
import { type Liveness, watchServer } from './liveness.ts';
import { cutReason, sizeOf, toEventData, toWire, type Wire } from './messages.ts';
import {
  type NativeGlobals,
  type NativeCloseEvent,
  type NativeListener,
  type NativeSocket,
  OPEN,
} from './native-socket.ts';
import { watchPage } from './page.ts';
import { nextDelayMs } from './reconnecting.ts';

/** Bytes that wait in the browser when `send` begins to return `'queued'`. */
const QUEUED_BYTES = 65_536;
/** How soon the client first looks whether the browser has sent everything, for which there is no event. */
const DRAIN_CHECK_MS = 20;
/** What a waiting message counts besides its content. */
const MESSAGE_OVERHEAD_BYTES = 64;
/** How long the server has to answer the close frame of `reconnect()`. */
const RECONNECT_CLOSE_TIMEOUT_MS = 1000;
/** A page may send 1000 and 3000 to 4999 only: 1007, 1011 and 1013 become 4007, 4011 and 4013. */
const CLOSE_CODE_SHIFT = 3000;

/** The error of a failure; undefined for none. */
type Outcome = FourDError | undefined;

let lastId = 0;

/**
 * Makes an attempt.
 *
 * @throws FourDError `ERR_INVALID_OPTION`: what the browser refuses at once
 */
function connect(url: string, protocols: readonly string[], listener: NativeListener): NativeSocket {
  try {
    return Object.assign(new (globalThis as unknown as NativeGlobals).WebSocket(url, protocols), {
      binaryType: 'arraybuffer',
      ...listener,
    });
  } catch (thrown) {
    throw toError(thrown, 'ERR_INVALID_OPTION', 'invalid');
  }
}

/** Implements {@link WebSocketType}. A class alone could not derive the type of `event.data` from its parameters. */
export class WebSocketClient<T> implements WebSocketType<T> {
  readonly #id = ++lastId;
  readonly #url: string;
  readonly #handler: WebSocketHandler<T>;
  readonly #settings: BrowserSettings;
  readonly #dataType: DataType = 'text';
  /** The error of an argument that cannot be used, which ends every life at once. */
  readonly #argumentError: Outcome;

  #status!: Status;
  #protocol = '';
  /** True while a failure is told by {@link #result} alone, because nobody holds the object yet. */
  #isSilent: boolean | undefined;
  /** The events that wait for a callback before them, each with its size. */
  readonly #waiting = new Map<QueuedEvent, number>();
  #isBusy: boolean | undefined;
  /** Size of the messages that wait. */
  #waitingBytes = 0;

  // One life: until onTerminate has run.
  /** Resolves to undefined when the first callback has run, or to the error when connecting has failed. */
  #result!: Promise<Outcome>;
  #resolve!: (outcome?: Outcome) => void;
  /** True when there will be no further attempt. */
  #isOver!: boolean;
  /** True when onError has run or is about to: it runs once at most. */
  #hasFailed!: boolean;

  // One connection, with the wait before it.
  #native: NativeSocket | undefined;
  /** Messages that the browser has taken. */
  #handed = 0;
  /** Why this program closes the connection, and the error for which it does. */
  #ownCause: EndCause | undefined;
  #failure: Outcome;
  /** Tells that the connection is over, or given up. A second call has no effect. */
  #end!: (error?: Outcome, event?: NativeCloseEvent) => void;
  /** The wait before the attempt that follows whatever the end says; undefined when the policy decides. */
  #wantedDelayMs: number | undefined;
  /** The one timer: of the wait, of the attempt, of silence, or of a close. */
  #timer: Timer;

  // All lives.
  /** How many connections there were, and how many of their first callbacks are over. */
  #opens = 0;
  #opened = 0;
  /** Messages that wait for a connection. */
  readonly #unsent: Wire[] = [];
  #unsentBytes = 0;
  /** Resolvers of drained(), called behind each event: only an event changes what waits for a connection. */
  readonly #drainers: (() => void)[] = [];
  /** Pending while onDrain is to follow. */
  #drain: Promise<void> | undefined;

  static async connect<T>(...args: ConstructorParameters<typeof WebSocketClient<T>>): Promise<WebSocketType<T>> {
    const ws = new this<T>(...args);
    ws.#isSilent = true;
    const error = await ws.#result;
    if (error) throw error;
    return ws;
  }

  static readonly new: typeof WebSocketClient.connect = WebSocketClient.connect;

  constructor(url: string | URL, handler?: WebSocketHandler<T> | null, options: BrowserWebSocketOptions = {}) {
    this.#url = toText(url) as string;
    this.#handler = handler ?? {};
    this.#settings = checkOptions({});
    try {
      this.#settings = checkOptions(options);
      checkUrl(this.#url);
      this.#dataType = readDataType(this.#handler);
    } catch (thrown) {
      this.#argumentError = toError(thrown, 'ERR_INVALID_OPTION', 'invalid');
    }
    void this.#live();
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
    return this.#unsentBytes + (this.#native?.bufferedAmount ?? 0);
  }

  send(message: SendableMessage): SendStatus {
    const native = this.#native;
    const isOpen = native?.readyState === OPEN;
    if (!isOpen && this.#isOver) {
      if (this.#status !== 'Connecting') return 'dropped';
      throw new FourDError('ERR_NOT_CONNECTED', 'await ready');
    }
    const { maxBufferedBytes, reconnect } = this.#settings;
    const wire = toWire(message);
    const bytes = sizeOf(wire) + (isOpen ? native.bufferedAmount : this.#unsentBytes);
    if (isOpen) {
      if (bytes > maxBufferedBytes) {
        this.#failWith(new FourDError('ERR_BUFFER_FULL', 'more than maxBufferedBytes wait', 'limit'));
        return 'dropped';
      }
      this.transmit(wire);
      this.#handed++;
      if (bytes <= QUEUED_BYTES) return 'sent';
    } else {
      const { maxQueuedMessages, maxQueuedBytes } = reconnect as CheckedReconnect;
      if (this.#unsent.length >= maxQueuedMessages || bytes > maxQueuedBytes) return 'dropped';
      this.#unsent.push(wire);
      this.#unsentBytes = bytes;
    }
    this.#drain ??= this.drained().then(() => {
      this.#drain = undefined;
      if (this.#status === 'Connected') this.push({ type: 'drain' });
    });
    return 'queued';
  }

  async drained(): Promise<void> {
    for (let ms = 0; this.bufferedBytes && this.#status !== 'Closed'; ms += DRAIN_CHECK_MS) {
      await new Promise<void>((resolve) => {
        if (this.#native?.bufferedAmount) after(ms, resolve);
        else this.#drainers.push(resolve);
      });
    }
  }

  terminate(code = 1000, reason = ''): void {
    if (/Conn/.test(this.#status) && !(isCloseCode(code) && typeof reason === 'string')) {
      throw new FourDError('ERR_INVALID_CLOSE_ARGUMENT', 'use 1000 or 3000 to 4999');
    }
    if (this.#status === 'Connected') this.#close(code, cutReason(reason), this.#settings.closeTimeoutMs);
    this.stop('local');
  }

  destroy(): void {
    this.stop('local');
    if (this.#status !== 'Closed') this.#status = 'Closing';
    this.#end();
  }

  reconnect(): void {
    if (!this.#settings.reconnect) throw new FourDError('ERR_RECONNECT_OFF', 'use reconnect');
    this.#wantedDelayMs = 0;
    if (this.#status === 'Closed' && !this.#isBusy) void this.#live(1);
    else if (this.#isOver) return;
    else if (this.#status === 'Connected') this.#close(1000, '', RECONNECT_CLOSE_TIMEOUT_MS);
    else if (this.#status === 'Connecting') this.#end();
  }

  // The next two are for topics, too: types do not show them.

  /** Hands a message to the browser. */
  transmit(wire: Wire): void {
    this.#native?.send(wire);
  }

  /** Delivers a message of the server. The class with topics takes out what is a frame. */
  deliver(data: string | ArrayBuffer): void {
    try {
      this.push(
        { type: 'message', data: toEventData(this.#dataType, data), isBinary: typeof data !== 'string' },
        sizeOf(data) + MESSAGE_OVERHEAD_BYTES,
      );
      if (this.#waitingBytes > this.#settings.maxWaitingBytes) {
        throw new FourDError('ERR_BUFFER_FULL', 'more than maxWaitingBytes wait', 'limit');
      }
    } catch (thrown) {
      this.#failWith(thrown as FourDError);
    }
  }

  // Callbacks

  /** Delivers an event: within this call when no callback runs, else after the events before it. Topics hear of it first. */
  protected push(event: QueuedEvent, bytes = 0): void {
    this.#waiting.set(event, bytes);
    this.#waitingBytes += bytes;
    if (!this.#isBusy) void this.#run();
  }

  #pushError(error: FourDError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.push({ type: 'error', errors: Object.freeze([error.item]), error });
  }

  /** Drops the messages and drain events that wait: the callback before them may never be over. */
  #dropMessages(): void {
    for (const event of this.#waiting.keys()) if (/message|drain/.test(event.type)) this.#waiting.delete(event);
    this.#waitingBytes = 0;
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    // Events that are added meanwhile are met too.
    for (const [event, bytes] of this.#waiting) {
      const { type } = event;
      this.#waiting.delete(event);
      this.#waitingBytes -= bytes;
      if (type === 'terminate') {
        // A callback has failed meanwhile: onTerminate is the last.
        if (this.#waiting.size > 0) {
          this.#waiting.set(event, 0);
          continue;
        }
        this.#status = 'Closed';
      }
      if (type !== 'message') Object.freeze(event);
      // onOpen for "open".
      const name = `on${(type[0] as string).toUpperCase()}${type.slice(1)}`;
      try {
        const result = callHandler(this.#handler, name, this, event) as PromiseLike<unknown> | undefined;
        // Awaiting anything else would make the events behind it wait for another turn.
        if (result?.then) await result;
      } catch (cause) {
        const error = new FourDError('ERR_CALLBACK_FAILED', `${name} failed: ${textOf(cause)}`, 'callback', cause);
        // A mistake in user code must not go unnoticed.
        if (this.#hasFailed || type === 'terminate' || !this.#handler.onError) report(error);
        this.#failWith(error);
        this.stop('callback');
        if (type !== 'terminate') this.#pushError(error);
      }
      if (type === 'terminate' && this.#wantedDelayMs !== undefined) void this.#live(1);
      if (type === 'open' || type === 'reconnect') {
        this.#resolve();
        // The connection may have been lost while its callback ran.
        if (++this.#opened >= this.#opens && this.#native?.readyState === OPEN) {
          for (const wire of this.takeUnsent()) {
            this.transmit(wire);
            this.#handed++;
          }
        }
      }
      for (const resolve of this.#drainers.splice(0)) resolve();
    }
    this.#isBusy = false;
  }

  /** Takes the messages that wait for a connection: it is there, or none follows. Topics make them fit it. */
  protected takeUnsent(): Wire[] {
    this.#unsentBytes = 0;
    return this.#unsent.splice(0);
  }

  // The end

  /** There will be no further attempt. Topics drop what waits. */
  protected stop(cause: EndCause): void {
    this.#isOver = true;
    this.#ownCause ??= cause;
    this.#wantedDelayMs = undefined;
    this.#dropMessages();
    if (this.#status === 'Connecting') {
      this.#status = 'Closing';
      this.#end();
    }
  }

  /** Closes an open connection because of an error. */
  #failWith(error: FourDError): void {
    if (this.#status !== 'Connected') return;
    error.phase = 'open';
    this.#failure = error;
    if (this.#isOver) this.#pushError(error);
    this.#close(error.errCode + CLOSE_CODE_SHIFT, '', this.#settings.closeTimeoutMs);
  }

  #close(code: number, reason: string, timeoutMs: number): void {
    this.#status = 'Closing';
    this.#ownCause ??= 'local';
    this.#native?.close(code, reason);
    this.#wait(timeoutMs, () => this.#end(timeoutError('ERR_CLOSE_TIMEOUT', 'closeTimeoutMs')));
  }

  // A life

  readonly #wait = (ms: number, act: () => void): void => {
    cancel(this.#timer);
    this.#timer = after(ms, act);
  };

  /**
   * Lives until there is no further attempt: one connection after the other.
   *
   * @param delayMs - the wait before the first attempt of a client that lives again
   */
  async #live(attempt = 0): Promise<void> {
    const { reconnect, protocols, handshakeTimeoutMs, connectTimeoutMs, maxWaitingBytes } = this.#settings;
    let delayMs = 0;
    let openMs = 0;
    let uncertain = 0;
    /** Messages of the last connection that may have arrived or not. */
    let lost = 0;
    let liveness: Liveness | undefined;
    /** Makes the attempt; undefined while none waits. */
    let open: (() => void) | undefined;
    this.#status = 'Connecting';
    this.#hasFailed = false;
    this.#ownCause = this.#wantedDelayMs = undefined;
    this.#isOver = !reconnect || !!this.#argumentError;
    this.#result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const stopWatching = watchPage((isStored) => {
      if (isStored) {
        if (this.#isOver) return;
        this.#wantedDelayMs = Infinity;
        this.#end();
      } else if (this.#status === 'Connected') liveness?.ask();
      else open?.();
    });
    const connectTimer = after(this.#opens ? Infinity : connectTimeoutMs, () => {
      this.#isOver = true;
      this.#end(timeoutError('ERR_CONNECT_TIMEOUT', 'connectTimeoutMs'));
    });

    for (;;) {
      let openedAt = 0;
      const [given, { code, reason, wasClean }] = await new Promise<[Outcome, NativeCloseEvent]>((resolve) => {
        const end = (error?: FourDError, event: NativeCloseEvent = { code: 1006 }): void => resolve([error, event]);
        this.#end = end;
        // oxlint-disable-next-line typescript/no-misused-promises -- It never rejects.
        open = async (): Promise<void> => {
          open = undefined;
          this.#wait(handshakeTimeoutMs, () => end(timeoutError('ERR_HANDSHAKE_TIMEOUT', 'handshakeTimeoutMs')));
          try {
            if (this.#argumentError) throw this.#argumentError;
            const url = attempt && reconnect?.url ? toText(await reconnect.url()) : this.#url;
            if (end !== this.#end || this.#status !== 'Connecting') return;
            const native = connect(checkUrl(url), protocols, {
              onopen: () => {
                cancel(this.#timer);
                cancel(connectTimer);
                this.#protocol = native.protocol;
                this.#status = 'Connected';
                // From onOpen on the user holds the object.
                this.#isSilent = false;
                openedAt = now();
                liveness = watchServer(this.#settings, native, this.#wait, () =>
                  end(timeoutError('ERR_HEARTBEAT', 'pongTimeoutMs', 'heartbeat')),
                );
                this.push(this.#opens++ ? { type: 'reconnect', attempt, uncertainMessages: lost } : { type: 'open' });
              },
              onmessage: ({ data }) => {
                if (this.#status === 'Connected' && !liveness?.heard(data)) this.deliver(data);
              },
              onclose: (event) => {
                // A server that agrees to close has read what was sent before.
                if (event.wasClean && this.#ownCause) this.#handed = 0;
                let error: Outcome;
                if (!openedAt) error = new FourDError('ERR_CONNECT_FAILED', 'see the console', 'connect');
                else if (!event.wasClean) error = new FourDError('ERR_CONNECTION_LOST', 'lost', 'peer-reset');
                end(error, event);
              },
            });
            this.#native = native;
          } catch (thrown) {
            end(toError(thrown, 'ERR_CONNECT_FAILED', 'connect'));
          }
        };
        if (attempt) this.#wait(delayMs, open);
        else open();
      });

      const error = this.#failure ?? given;
      const phase: EndPhase = openedAt
        ? wasClean || (this.#status as Status) === 'Connected'
          ? 'open'
          : 'closing'
        : this.#native
          ? 'connecting'
          : 'preparing';
      const cause = error?.endCause ?? this.#ownCause ?? (wasClean ? 'peer-closed' : error ? 'invalid' : 'local');
      const lastedMs = openedAt && now() - openedAt;
      const uncertainMessages = this.#handed;
      if (openedAt) lost = uncertainMessages;
      uncertain += uncertainMessages;
      openMs += lastedMs;
      cancel(this.#timer);
      this.#native?.close();
      this.#native = this.#failure = undefined;
      this.#handed = 0;
      if (error) {
        error.phase ??= phase;
        error.endCause = cause;
      }
      this.#status = 'Closing';
      const event = { code, reason: reason || undefined, cause, phase };

      // Resetting the count when a connection opens would let a server that drops at once be called without a pause.
      if (lastedMs >= (reconnect?.maxDelayMs as number) || this.#wantedDelayMs !== undefined) attempt = 0;
      const policyMs = this.#isOver
        ? undefined
        : (this.#wantedDelayMs ??
          nextDelayMs(reconnect as CheckedReconnect, { ...event, error, uncertainMessages, attempt: attempt + 1 }));
      // The user's shouldReconnect may have called reconnect() or terminate().
      const nextMs = this.#wantedDelayMs ?? policyMs;
      if (!this.#isOver && nextMs !== undefined) {
        delayMs = nextMs;
        attempt++;
        this.#ownCause = this.#wantedDelayMs = undefined;
        this.#status = 'Connecting';
        if (this.#waitingBytes > maxWaitingBytes) this.#dropMessages();
        if (this.#opens && (openedAt || error)) this.push({ type: 'disconnect', cause, attempt, delayMs });
        continue;
      }

      this.#isOver = true;
      cancel(connectTimer);
      stopWatching();
      this.#resolve(error ?? new FourDError('ERR_CONNECT_FAILED', 'given up', cause));
      if (this.#isSilent) return;
      if (error) this.#pushError(error);
      this.push({
        ...event,
        type: 'terminate',
        wasClean: !!wasClean && !error,
        message: error?.message ?? cause,
        openMs,
        ...(reconnect && {
          reconnectAttempts: attempt,
          unsentMessages: this.takeUnsent(),
          uncertainMessages: uncertain,
        }),
      });
      return;
    }
  }
}

/** @alias */
export const WebSocket: WebSocketConstructor = WebSocketClient;

/** The type of its objects, under the same name. */
export type WebSocket<T = string> = WebSocketType<T>;
