import { setImmediate } from '../base/clock.ts';
import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Transport, TransportListener } from './transport.ts';

/** The key of a socket's transport. All sockets share one set of listeners, which find the transport by this key. */
const TRANSPORT = Symbol('transport');
/** The key of the set that contains a socket until it is closed: {@link keepUntilClosed}. */
const OPEN_SOCKETS = Symbol('open sockets');

/** The stream of a transport. An HTTP server may use streams that are not sockets, which lack the optional members. */
interface OwnedSocket extends Duplex {
  [TRANSPORT]?: SocketTransport;
  [OPEN_SOCKETS]?: Set<Socket>;
  readonly timeout?: number | undefined;
  setTimeout?(timeoutMs: number): void;
  setNoDelay?(isOn: boolean): void;
  resetAndDestroy?(): void;
}

/**
 * A {@link Transport} over a socket of `node:net` or `node:tls`, or another duplex stream, that nobody else reads.
 *
 * @remarks The owner of a socket must add an 'error' listener as soon as it gets the socket: {@link ignoreErrors}.
 */
export class SocketTransport implements Transport {
  readonly #socket: OwnedSocket;
  #listener: TransportListener | undefined;
  #error: Error | undefined;
  #isEndHeldBack = false;
  #droppedBytes = 0;

  constructor(socket: Duplex) {
    ignoreErrors(socket);
    this.#socket = socket;
    this.#socket[TRANSPORT] = this;
    // `errored` is read only here: later it may hold the error of a write that our own destroy() aborted.
    this.#error = socket.errored ?? undefined;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  get isBlocked(): boolean {
    // Node counts corked pieces, and sets writableNeedDrain even when the kernel has taken all of them at once.
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  start(listener: TransportListener): void {
    const socket = this.#socket;
    this.#listener = listener;
    // Without allowHalfOpen, Node ends our side when the peer ends its own, before a waiting batch is written.
    socket.allowHalfOpen = true;
    // The call is skipped where there is no timeout, because it adds a property to each socket.
    if (socket.timeout !== undefined && socket.timeout > 0) socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    pauseQueue(socket);
    socket.on('data', onData);
    if (socket instanceof Socket) socket.push = pushPastQueue;
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    if (this.#socket[OPEN_SOCKETS] === undefined) socket.on('close', onClose);
    // The peer may have ended its side before start(): Node emitted 'end' when nobody listened.
    this.#isEndHeldBack = socket.readableEnded;
    // The socket may have been destroyed before start(): Node has emitted 'close' already, or is about to.
    if (socket.closed) setImmediate(() => this.onClose());
  }

  get writtenMemory(): 'free' | 'in use' | 'kept' {
    const socket = this.#socket;
    // Other streams may keep the memory, and a destroyed socket may still read from it.
    if (!(socket instanceof Socket) || socket.destroyed) return 'kept';
    // Node subtracts what the kernel took before write() returns, so a length of zero means that the memory is free. A
    // TLS socket reports zero only in a later turn, when all is encrypted and sent.
    return socket.writableLength === 0 ? 'free' : 'in use';
  }

  write(pieces: readonly Buffer[]): void {
    const socket = this.#socket;
    // A write after the end is an error in Node, also when other code has ended the stream.
    if (!socket.writable) {
      for (const { length } of pieces) this.#droppedBytes += length;
      return;
    }
    if (pieces.length === 1) {
      socket.write(pieces[0]);
    } else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
    if (!this.#isEndHeldBack) return;
    this.#isEndHeldBack = false;
    setImmediate(() => this.onEnd());
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    const socket = this.#socket;
    // A reset is an error in libuv while the end of the stream is being sent: Node then never closes the socket.
    const isEnding = socket.writableEnded && !socket.writableFinished;
    try {
      if (!isEnding) socket.resetAndDestroy?.();
    } catch {
      // Node resets TCP only, not TLS or Unix sockets.
    }
    socket.destroy();
  }

  // The shared listeners below call the following methods.

  onData(chunk: Buffer): void {
    // After destroy(), Node still reports bytes that it had read before.
    if (!this.#socket.destroyed) this.#listener?.onBytes(chunk);
  }

  onWritable(): void {
    this.#listener?.onWritable();
  }

  onEnd(): void {
    // Node emits 'end' right after the last bytes, even when the listener pauses within them.
    if (this.#socket.isPaused()) this.#isEndHeldBack = true;
    else if (!this.#socket.destroyed) this.#listener?.onEnd();
  }

  onError(error: Error): void {
    this.#error ??= error;
  }

  onClose(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onClosed(this.#error);
  }
}

/**
 * Adds an 'error' listener, so that an error of the socket does not end the process. Code that gets a socket calls this
 * first.
 *
 * @remarks The transport uses the same listener. Node keeps two listeners for one event in an array, which costs 64
 * bytes for each idle connection.
 */
export function ignoreErrors(socket: EventEmitter): void {
  if (!socket.listeners('error').includes(onError)) socket.on('error', onError);
}

/**
 * Pauses a stream for a moment. Unlike `socket.pause()`, this makes no system call: Node reads on until the queue of the
 * stream is full.
 */
export function pauseQueue(socket: Duplex): void {
  // Only sockets with the option `onread` have a pause() of their own that does more.
  Duplex.prototype.pause.call(socket);
}

/** Keeps a new socket in a set until it is closed. The transport uses the same 'close' listener. */
export function keepUntilClosed(socket: Socket, set: Set<Socket>): void {
  set.add(socket);
  (socket as OwnedSocket)[OPEN_SOCKETS] = set;
  socket.on('close', onClose);
}

/**
 * Delivers bytes from memory that the next read overwrites: see `connectReading`.
 *
 * @returns false when the stream asks to stop reading for now
 */
export function deliverBorrowed(socket: Socket, bytes: Buffer): boolean {
  const transport = (socket as OwnedSocket)[TRANSPORT];
  if (transport === undefined || !canBypassQueue(socket)) return socket.push(Buffer.from(bytes));
  transport.onData(bytes);
  return true;
}

/** Tells whether a stream is in flowing mode and has no bytes queued, so that a chunk may bypass its queue. */
function canBypassQueue(socket: Duplex): boolean {
  return socket.readableFlowing === true && socket.readableLength === 0;
}

/**
 * Replaces `push` of a socket: hands a chunk to the transport directly, because the queue and the 'data' event do
 * nothing useful while the stream flows.
 *
 * @remarks Every readable source calls `push` with its bytes (Node's manual, "API for stream implementers"). Sockets of
 * a version of Node that did not call it would emit 'data', which the transport handles too.
 */
function pushPastQueue(this: OwnedSocket, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  if (chunk === null || !canBypassQueue(this)) return Duplex.prototype.push.call(this, chunk, encoding);
  this[TRANSPORT]?.onData(chunk);
  return true;
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[TRANSPORT]?.onData(chunk);
}

function onDrain(this: OwnedSocket): void {
  this[TRANSPORT]?.onWritable();
}

function onEnd(this: OwnedSocket): void {
  this[TRANSPORT]?.onEnd();
}

function onError(this: OwnedSocket, error: Error): void {
  this[TRANSPORT]?.onError(error);
}

function onClose(this: OwnedSocket): void {
  this[OPEN_SOCKETS]?.delete(this as Duplex as Socket);
  this[TRANSPORT]?.onClose();
}
