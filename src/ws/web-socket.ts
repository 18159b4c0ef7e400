import { EventEmitter } from 'node:events';
import type { ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SendCallback } from '../core/send-callbacks.ts';
import { ClientHandshake } from './client-handshake.ts';
import { checkClientOptions, checkProtocols, type ClientOptions, type TypedClientOptions } from './client-options.ts';
import { BINARY_TYPES, type BinaryType, type BufferLike } from './data.ts';
import { addEventListener, attributeOf, removeEventListener, setAttribute } from './events.ts';
import { readSharedOptions, type SharedOptions } from './options.ts';
import { Sender } from './sender.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type SendOptions, WebSocketCore } from './web-socket-core.ts';
import type { ListenerOf, OnListener, WebSocketEventMap, WebSocketEvents } from './web-socket-types.ts';

/** The callback of `ping` and `pong`. The error is undefined when all went well, which @types/ws does not say. */
type ControlCallback = (error: Error) => void;

/** Returns what stands behind a WebSocket. */
export let coreOf: (webSocket: WebSocket) => WebSocketCore;

/**
 * The class `WebSocket` of the package `ws`, on the connections of this library.
 *
 * @remarks Emits 'open', 'message' (data, isBinary), 'close' (code, reason), 'error' (error), 'ping' (data), 'pong' (data);
 * on clients also 'upgrade' (response), 'redirect' (url, request), 'unexpected-response' (request, response).
 */
export class WebSocket extends EventEmitter<WebSocketEvents> {
  /** The part of the class `Sender` of `ws` that socket.io-adapter uses. */
  static readonly Sender: typeof Sender = Sender;
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  readonly #core: WebSocketCore;

  static {
    coreOf = (webSocket) => webSocket.#core;
  }

  /**
   * Connects to a server.
   *
   * @param address - `ws:`, `wss:`, `ws+unix:`, `http:` or `https:`; null for a WebSocket that a server opens
   * @param protocols - subprotocols in order of preference, or the options
   * @throws SyntaxError for an address or subprotocol that cannot be used; FourDError `ERR_INVALID_OPTION`
   */
  constructor(address: null, protocols?: undefined, options?: object);
  constructor(
    address: string | URL,
    options?: ClientOptions<WebSocket> | TypedClientOptions<WebSocket> | ClientRequestArgs,
  );
  constructor(
    address: string | URL,
    protocols?: string | readonly string[],
    options?: ClientOptions<WebSocket> | TypedClientOptions<WebSocket> | ClientRequestArgs,
  );
  constructor(address: string | URL | null, protocols?: unknown, options?: object) {
    super();
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
    const given = ((isOptions ? protocols : options) ?? {}) as ClientOptions;
    const throwsAsWs = given.throwAsWs === true;
    if (address === null) {
      this.#core = new WebSocketCore(this, throwsAsWs, undefined);
      return;
    }
    const checked = checkClientOptions(given);
    const offered = checkProtocols(isOptions || protocols === undefined ? given.protocols : protocols);
    const settings = readSharedOptions(given satisfies SharedOptions, 'client', true);
    const core = new WebSocketCore(this, throwsAsWs, settings);
    this.#core = core;
    core.handshake = new ClientHandshake(core, address, offered, checked, settings.deflate);
    core.handshake.start();
  }

  /**
   * The form of binary messages. Other values than those of {@link BinaryType} are ignored. The type leaves `'blob'` out,
   * as that of @types/ws does.
   */
  get binaryType(): Exclude<BinaryType, 'blob'> {
    return this.#core.binaryType as Exclude<BinaryType, 'blob'>;
  }

  set binaryType(type: BinaryType) {
    if (BINARY_TYPES.includes(type)) this.#core.binaryType = type;
  }

  /** Bytes that were sent and are not with the system, those that were sent too late included. */
  get bufferedAmount(): number {
    return this.#core.bufferedAmount;
  }

  /** `'permessage-deflate'` or `''`. */
  get extensions(): string {
    return this.#core.extensions;
  }

  get isPaused(): boolean {
    return this.#core.isPaused;
  }

  /** The subprotocol, `''` for none. */
  get protocol(): string {
    return this.#core.protocol;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#core.readyState;
  }

  /** The address, `''` on a server. */
  get url(): string {
    return this.#core.url;
  }

  /** @internal */
  get hasClosedCleanly(): boolean {
    return this.#core.hasClosedCleanly;
  }

  /** The stream below; null before the connection is open. Nobody else may read from it or write to it. */
  get _socket(): Duplex | null {
    return this.#core.socket;
  }

  /** What engine.io uses to send frames that were made in advance. */
  get _sender(): { sendFrame(list: readonly Buffer[], callback?: SendCallback): void } {
    return { sendFrame: (list, callback) => this.#core.sendFrames(list, callback) };
  }

  get onopen(): OnListener<'open'> {
    return attributeOf(this, 'open') as OnListener<'open'>;
  }

  set onopen(listener: OnListener<'open'>) {
    setAttribute(this, 'open', listener);
  }

  get onmessage(): OnListener<'message'> {
    return attributeOf(this, 'message') as OnListener<'message'>;
  }

  set onmessage(listener: OnListener<'message'>) {
    setAttribute(this, 'message', listener);
  }

  get onclose(): OnListener<'close'> {
    return attributeOf(this, 'close') as OnListener<'close'>;
  }

  set onclose(listener: OnListener<'close'>) {
    setAttribute(this, 'close', listener);
  }

  get onerror(): OnListener<'error'> {
    return attributeOf(this, 'error') as OnListener<'error'>;
  }

  set onerror(listener: OnListener<'error'>) {
    setAttribute(this, 'error', listener);
  }

  /** Adds a listener for 'open', 'message', 'close' or 'error', unless it listens already. */
  addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: ListenerOf<Type>,
    options?: { readonly once?: boolean | undefined },
  ): void {
    addEventListener(this, type, listener, options?.once === true);
  }

  removeEventListener<Type extends keyof WebSocketEventMap>(type: Type, listener: ListenerOf<Type>): void {
    removeEventListener(this, type, listener);
  }

  /**
   * Sends a message.
   *
   * @param callback - called when the message is with the system, or with an error
   * @throws Error before the connection is open; TypeError when the data has no bytes
   */
  send(data: BufferLike, callback?: SendCallback): void;
  send(data: BufferLike, options: SendOptions | undefined, callback?: SendCallback): void;
  send(data: unknown, second?: SendOptions | SendCallback, third?: SendCallback): void {
    if (typeof second === 'function') this.#core.send(data, undefined, second);
    else this.#core.send(data, second, third);
  }

  /**
   * Sends a ping.
   *
   * @param data - at most 125 bytes
   * @param mask - has no effect
   * @throws Error before the connection is open; RangeError when the data is too long
   */
  ping(data?: unknown, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    this.#core.sendControl('ping', data, mask, callback as SendCallback);
  }

  /** Sends a pong: as {@link ping}. */
  pong(data?: unknown, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    this.#core.sendControl('pong', data, mask, callback as SendCallback);
  }

  /**
   * Begins the closing handshake. Messages still arrive until the peer has answered.
   *
   * @param code - 1000 to 1003, 1007 to 1014 or 3000 to 4999; none for a close frame without a code
   * @param reason - at most 123 bytes
   * @throws TypeError for another code; RangeError for a longer reason
   */
  close(code?: number, reason?: string | Buffer): void {
    this.#core.close(code, reason);
  }

  /** Ends the connection without a closing handshake. */
  terminate(): void {
    this.#core.terminate();
  }

  /** Stops events of the peer until {@link resume}. */
  pause(): void {
    this.#core.pause();
  }

  resume(): void {
    this.#core.resume();
  }
}

for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
  Object.defineProperty(WebSocket, name, { enumerable: true, value });
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true, value });
}

/** What `for … in` finds of a WebSocket, as in ws. */
const ATTRIBUTES = [
  'binaryType',
  'bufferedAmount',
  'extensions',
  'isPaused',
  'protocol',
  'readyState',
  'url',
  'onopen',
  'onmessage',
  'onclose',
  'onerror',
] as const;

for (const name of ATTRIBUTES) Object.defineProperty(WebSocket.prototype, name, { enumerable: true });
