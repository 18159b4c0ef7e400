import type { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate } from '../base/clock.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { SendCallback } from '../core/send-callbacks.ts';
import { SocketConnection, type SocketListener } from '../core/socket-connection.ts';
import { callbackFailed, type FourDError, textOfThrown } from '../errors.ts';
import type { HandshakeAgreement } from '../handshake/client-handshake.ts';
import type { DeflateParameters } from '../handshake/permessage-deflate.ts';
import { isSendableCloseCode } from '../protocol/close.ts';
import { CLOSE_ABNORMAL, MAX_CLOSE_REASON_BYTES, MAX_CONTROL_PAYLOAD_BYTES } from '../protocol/constants.ts';
import type { ClientHandshake, HandshakeHost } from './client-handshake.ts';
import type { ClientOptions } from './client-options.ts';
import { type BinaryType, NO_BYTES, numberToText, toBinaryType, toBuffer } from './data.ts';
import { toWsError } from './errors.ts';
import type { SharedSettings } from './options.ts';
import { SendQueue } from './send-queue.ts';

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

const STATE_NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;

/** How a message is sent. */
export interface SendOptions {
  /** Whether it is a binary message. By default everything but a string is. */
  readonly binary?: boolean | undefined;
  /** `false` sends it uncompressed. By default the length decides. */
  readonly compress?: boolean | undefined;
  /** `false` for a fragment with others behind it. */
  readonly fin?: boolean | undefined;
  /** Has no effect: clients mask, servers do not. */
  readonly mask?: boolean | undefined;
}

/** A socket whose handshake is over, and what all WebSockets of its server have in common. */
export interface OpenedWebSocket {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly settings: SharedSettings;
  /** The answer that a server still has to write, `''` on a client. */
  readonly answer: string;
  /** The subprotocol, `''` for none. */
  readonly protocol: string;
  /** The parameters of compression, undefined for none. */
  readonly deflate: DeflateParameters | undefined;
  /** Whether the client may keep its context although the answer forbids it. */
  readonly mayDisobey: boolean;
}

/** Frames that came as a list of header and payload. The same list goes to all clients of a room, which share the frame. */
const wholeFrames = new WeakMap<readonly Buffer[], Buffer>();

function wholeFrame(list: readonly Buffer[]): Buffer {
  const [first] = list;
  if (first !== undefined && list.length === 1) return first;
  const known = wholeFrames.get(list);
  if (known !== undefined) return known;
  const frame = Buffer.concat(list);
  wholeFrames.set(list, frame);
  return frame;
}

/** What stands behind the public class `WebSocket`: its state, its connection, and the events that it emits. */
export class WebSocketCore implements HandshakeHost, SocketListener {
  readonly #emitter: EventEmitter;
  readonly #throwsAsWs: boolean;
  readyState: 0 | 1 | 2 | 3 = CONNECTING;
  binaryType: BinaryType = 'nodebuffer';
  url = '';
  protocol = '';
  extensions = '';
  isPaused = false;
  /** Whether both sides have sent a close frame. */
  hasClosedCleanly = false;
  /** Absent on a server. */
  handshake: ClientHandshake | undefined;
  #settings: SharedSettings | undefined;
  #connection: SocketConnection | undefined;
  #queue: SendQueue | undefined;
  #isReading = false;
  #isInFragments = false;
  #hasErred = false;
  #hasWarned = false;
  /** Bytes that were sent too late. */
  #lostBytes = 0;

  /** @param settings - those of a client; undefined on a server */
  constructor(emitter: EventEmitter, throwsAsWs: boolean, settings: SharedSettings | undefined) {
    this.#emitter = emitter;
    this.#throwsAsWs = throwsAsWs;
    this.#settings = settings;
  }

  /** The stream below. Whoever asks for it in the turn in which it opens may write to it: the answer leaves before. */
  get socket(): Duplex | null {
    if (this.#connection === undefined) return null;
    if (!this.#isReading) this.#connection.flush();
    return this.#connection.socket;
  }

  get bufferedAmount(): number {
    return this.#lostBytes + (this.#queue?.waitingBytes ?? 0) + (this.#connection?.bufferedBytes ?? 0);
  }

  /** Opens the WebSocket. Nothing is read before a later turn, so listeners that are added in this one miss nothing. */
  open({ socket, head, settings, answer, protocol, deflate, mayDisobey }: OpenedWebSocket): void {
    this.#settings = settings;
    this.protocol = protocol;
    if (deflate !== undefined) this.extensions = 'permessage-deflate';
    const compression = deflate && settings.createCompression(deflate, mayDisobey);
    this.#connection = new SocketConnection(socket, settings.connection, this, { head, answer, compression });
    this.readyState = OPEN;
    this.call(() => this.#emitter.emit('open'));
    setImmediate(() => this.#startReading());
  }

  send(data: unknown, options: SendOptions | undefined, done: SendCallback | undefined): void {
    const callback = this.#guard(done);
    const message = numberToText(data);
    if (!this.#isOpen(message, callback)) return;
    if (message instanceof Blob) {
      const fail = (error: Error): void => this.#onBlobFailed(error, callback);
      this.#queue ??= new SendQueue();
      this.#queue.pushBlob(message, (bytes) => this.#sendNow(bytes, options, callback), fail);
    } else if (this.#queue?.isWaiting === true) {
      this.#queue.push(() => this.#sendNow(message, options, callback));
    } else this.#sendNow(message, options, callback);
  }

  sendControl(kind: 'ping' | 'pong', data: unknown, second: unknown, third: SendCallback | undefined): void {
    const done = [data, second, third].find((value) => typeof value === 'function') as SendCallback | undefined;
    const callback = this.#guard(done);
    const payload = typeof data === 'function' ? undefined : numberToText(data);
    if (!this.#isOpen(payload, callback)) return;
    const bytes = toBuffer(payload);
    if (bytes.length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError(`The data size must not be greater than ${MAX_CONTROL_PAYLOAD_BYTES} bytes`);
    }
    this.#inOrder(() => this.#connection?.[kind](bytes, callback));
  }

  /** Sends finished frames of a server. */
  sendFrames(list: readonly Buffer[], callback: SendCallback | undefined): void {
    if (!this.#isOpen(undefined, callback)) return;
    const frame = wholeFrame(list);
    this.#inOrder(() => this.#connection?.sendFrame(frame, callback));
  }

  close(code: number | undefined, reason: string | Buffer | undefined): void {
    if (this.readyState === CONNECTING) this.#abort();
    if (this.readyState !== OPEN) return;
    if (code !== undefined && (typeof code !== 'number' || !isSendableCloseCode(code))) {
      throw new TypeError('First argument must be a valid error code number');
    }
    const text = toBuffer(reason);
    if (text.length > MAX_CLOSE_REASON_BYTES) {
      throw new RangeError(`The message must not be greater than ${MAX_CLOSE_REASON_BYTES} bytes`);
    }
    this.#inOrder(() => this.#connection?.close(code, text.toString()));
    this.readyState = CLOSING;
  }

  terminate(): void {
    if (this.readyState === CONNECTING) this.#abort();
    if (this.#connection === undefined || this.readyState === CLOSED) return;
    this.readyState = CLOSING;
    this.#connection.terminate();
  }

  pause(): void {
    if (this.#connection === undefined || this.readyState === CLOSED) return;
    this.isPaused = true;
    this.#connection.pause();
  }

  resume(): void {
    if (this.#connection === undefined || this.readyState === CLOSED) return;
    this.isPaused = false;
    if (this.#isReading) this.#connection.resume();
  }

  /** Calls listeners. What one throws ends the connection with 1011, or the process as with ws. */
  call(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#onThrown(thrown);
    }
  }

  // SocketListener

  onMessage(data: string | Buffer, isText: boolean): void {
    const bytes = data as Buffer;
    const message = isText || this.binaryType === 'nodebuffer' ? bytes : toBinaryType(bytes, this.binaryType);
    if (this.#throwsAsWs) this.call(() => this.#emitter.emit('message', message, !isText));
    else this.#emitter.emit('message', message, !isText);
    this.#breathe();
  }

  onPing(payload: Buffer): void {
    this.#onControl('ping', payload);
  }

  onPong(payload: Buffer): void {
    this.#onControl('pong', payload);
  }

  onClosing(): void {
    this.readyState = CLOSING;
  }

  onError(error: FourDError): void {
    const shown = toWsError(error);
    if (shown !== undefined) this.#emitError(shown);
  }

  onClose({ code, reason, wasClean }: Ending): void {
    this.hasClosedCleanly = wasClean;
    // A code that only this side has sent is none of the peer.
    this.#emitClose(wasClean ? code : CLOSE_ABNORMAL, reason === undefined ? NO_BYTES : Buffer.from(reason));
  }

  // HandshakeHost

  get isConnecting(): boolean {
    return this.readyState === CONNECTING;
  }

  hasListener(event: string): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  tell(event: string, ...args: readonly unknown[]): boolean {
    let isHeard = false;
    this.call(() => {
      isHeard = this.#emitter.emit(event, ...args);
    });
    return isHeard;
  }

  finish(finishRequest: NonNullable<ClientOptions['finishRequest']>, request: ClientRequest): void {
    finishRequest(request, this.#emitter);
  }

  onTarget(url: string): void {
    this.url = url;
  }

  onAgreed(socket: Duplex, head: Buffer, { protocol, deflate }: HandshakeAgreement): void {
    this.handshake = undefined;
    const settings = this.#settings as SharedSettings;
    this.open({ socket, head, settings, answer: '', protocol, deflate, mayDisobey: false });
  }

  onHandshakeFailed(error: Error): void {
    this.readyState = CLOSING;
    this.handshake = undefined;
    this.#emitError(error);
    this.#emitClose(CLOSE_ABNORMAL, NO_BYTES);
  }

  #abort(): void {
    if (this.handshake === undefined) return;
    this.readyState = CLOSING;
    this.handshake.abort('WebSocket was closed before the connection was established');
  }

  #startReading(): void {
    this.#isReading = true;
    if (!this.isPaused) this.#connection?.resume();
  }

  /** Lets the turn end before the next event, where the user wants that. */
  #breathe(): void {
    if (this.#settings?.allowsSynchronousEvents !== false || this.readyState !== OPEN) return;
    this.#connection?.pause();
    setImmediate(() => {
      if (!this.isPaused) this.#connection?.resume();
    });
  }

  #onControl(event: 'ping' | 'pong', payload: Buffer): void {
    if (this.#emitter.listenerCount(event) === 0) return;
    this.call(() => this.#emitter.emit(event, Buffer.from(payload)));
    this.#breathe();
  }

  /** Whether something can be sent. Before the connection is open that is an error of the program. */
  #isOpen(data: unknown, callback: SendCallback | undefined): boolean {
    if (this.readyState === OPEN) return true;
    const problem = `WebSocket is not open: readyState ${this.readyState} (${STATE_NAMES[this.readyState]})`;
    if (this.readyState === CONNECTING) throw new Error(problem);
    this.#lostBytes += data instanceof Blob ? data.size : toBuffer(data).length;
    if (callback !== undefined) process.nextTick(callback, new Error(problem));
    return false;
  }

  /** Lets what a callback throws be thrown as ws does, where the user wants that. */
  #guard(callback: SendCallback | undefined): SendCallback | undefined {
    if (callback === undefined || !this.#throwsAsWs) return callback;
    return (error) => this.call(() => callback(error));
  }

  #inOrder(action: () => void): void {
    if (this.#queue?.isWaiting === true) this.#queue.push(action);
    else action();
  }

  #sendNow(data: unknown, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    const connection = this.#connection as SocketConnection;
    const isText = options?.binary === undefined ? typeof data === 'string' : !options.binary;
    const compress = options?.compress === false ? false : undefined;
    const isLast = options?.fin !== false;
    if (!isLast || this.#isInFragments) {
      const kind = this.#isInFragments ? 'more' : isText ? 'text' : 'binary';
      this.#isInFragments = !isLast;
      connection.sendFragment(toBuffer(data), kind, isLast, callback);
    } else if (!isText) connection.send(toBuffer(data), compress, callback);
    else if (typeof data === 'string') connection.send(data, compress, callback);
    else connection.sendTextBytes(toBuffer(data), compress, callback);
  }

  #onBlobFailed(error: Error, callback: SendCallback | undefined): void {
    callback?.(error);
    if (this.readyState === CLOSED) return;
    this.#emitError(error);
    this.terminate();
  }

  #onThrown(thrown: unknown): void {
    if (this.#throwsAsWs) {
      // Nothing of the library is left half done when the exception ends the process.
      process.nextTick(() => {
        throw thrown;
      });
    } else if (this.#connection === undefined || this.readyState === CLOSED) {
      this.#warn(`a listener failed: ${textOfThrown(thrown)}`);
    } else this.#connection.fail(callbackFailed('a listener', thrown));
  }

  /** Emits the first error of a connection: others that follow from it are not told, as in ws. */
  #emitError(error: Error): void {
    if (this.#hasErred) return;
    this.#hasErred = true;
    if (this.#throwsAsWs || this.hasListener('error')) this.call(() => this.#emitter.emit('error', error));
    else this.#warn(`${error.message} (no listener for 'error')`);
  }

  #warn(message: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(message, 'WebSocketWarning');
  }

  #emitClose(code: number, reason: Buffer): void {
    this.readyState = CLOSED;
    this.call(() => this.#emitter.emit('close', code, reason));
  }
}
