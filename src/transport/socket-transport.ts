import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Transport, TransportListener } from './transport.ts';

/** Where a socket finds its transport, so that all sockets share one set of listeners. */
const TRANSPORT = Symbol('transport');
/** Where it finds the set that it is in until it is closed. */
const KEEPER = Symbol('keeper');

/** An HTTP server may run over streams that are no sockets: then these are missing. */
interface OwnedSocket extends Duplex {
  [TRANSPORT]?: SocketTransport;
  [KEEPER]?: Set<Socket>;
  readonly timeout?: number | undefined;
  setTimeout?(timeoutMs: number): void;
  setNoDelay?(isOn: boolean): void;
  resetAndDestroy?(): void;
}

/**
 * A {@link Transport} over a socket of `node:net` or `node:tls`, or any other stream both ways, that nobody else reads.
 *
 * @remarks The socket must have an 'error' listener from the moment it was touched: {@link ignoreErrors}.
 */
export class SocketTransport implements Transport {
  readonly #socket: OwnedSocket;
  #listener: TransportListener | undefined;
  #error: Error | undefined;
  #isEndHeldBack = false;

  constructor(socket: Duplex) {
    ignoreErrors(socket);
    this.#socket = socket;
    this.#socket[TRANSPORT] = this;
    // Node's `errored` serves for what has passed only: later it may tell of writes that our own destroy() cut off.
    this.#error = socket.errored ?? undefined;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  get isBlocked(): boolean {
    // Node counts corked pieces, and speaks of a need to drain also when the kernel has taken them at once.
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  start(listener: TransportListener): void {
    const socket = this.#socket;
    this.#listener = listener;
    // Or Node would end our side as soon as the peer ends its own, in front of what waits in a batch.
    socket.allowHalfOpen = true;
    // Not in vain: it would give each socket one more property.
    if (socket.timeout !== undefined && socket.timeout > 0) socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.pause();
    socket.on('data', onData);
    if (socket instanceof Socket) socket.push = pushPastStream;
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    if (this.#socket[KEEPER] === undefined) socket.on('close', onClose);
    // The peer may have ended its side before anyone listened: Node has then told so to nobody.
    this.#isEndHeldBack = socket.readableEnded;
    // It may have been destroyed before anyone listened: 'close' has then passed or is about to.
    if (socket.closed) setImmediate(() => this.onClose());
  }

  write(pieces: readonly Buffer[]): boolean {
    const socket = this.#socket;
    // Writing behind the end would be an error, also when somebody else has ended the stream.
    if (!socket.writable) return true;
    if (pieces.length === 1) {
      socket.write(pieces[0]);
    } else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
    // Node subtracts what the kernel took before write() returns: zero means that nobody reads the memory any more. A
    // TLS socket says so only when it has encrypted and sent all, in a later turn. Streams of other kinds may keep it.
    return socket.writableLength === 0 && socket instanceof Socket;
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
    try {
      this.#socket.resetAndDestroy?.();
    } catch {
      // Node resets TCP only, not TLS or Unix sockets.
    }
    this.#socket.destroy();
  }

  // Called by the shared listeners below.

  onData(chunk: Buffer): void {
    // Node goes on to report what it had read before destroy().
    if (!this.#socket.destroyed) this.#listener?.onBytes(chunk);
  }

  onWritable(): void {
    this.#listener?.onWritable();
  }

  onEnd(): void {
    // The end that Node already knows of follows the last bytes also when the listener pauses at those.
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
 * Keeps a socket's errors from ending the process: the first statement wherever a socket is touched.
 *
 * @remarks The listener serves the transport too. Two listeners to one event would take an array: 64 bytes for each of
 * the connections that do nothing.
 */
export function ignoreErrors(socket: EventEmitter): void {
  if (!socket.listeners('error').includes(onError)) socket.on('error', onError);
}

/** Keeps a fresh socket in a set until it is closed, by the listener that serves its transport too. */
export function keepUntilClosed(socket: Socket, set: Set<Socket>): void {
  set.add(socket);
  (socket as OwnedSocket)[KEEPER] = set;
  socket.on('close', onClose);
}

/**
 * Delivers what was read into memory that the next read overwrites: {@link connectReading}.
 *
 * @returns false when the stream wants no more for now
 */
export function deliverBorrowed(socket: Socket, bytes: Buffer): boolean {
  const transport = (socket as OwnedSocket)[TRANSPORT];
  if (transport === undefined || !flows(socket)) return socket.push(Buffer.from(bytes));
  transport.onData(bytes);
  return true;
}

/** Whether a stream has no bytes waiting and may pass on what comes. */
function flows(socket: Duplex): boolean {
  return socket.readableFlowing === true && socket.readableLength === 0;
}

/**
 * Takes what Node has read of a socket without a detour through the queue and the 'data' event of the stream, which has
 * nothing to do while it flows.
 *
 * @remarks `push` is what any source of a stream calls with its bytes (Node's manual, "API for stream implementers"). A
 * version of Node whose sockets did not call it would emit 'data' as before.
 */
function pushPastStream(this: OwnedSocket, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  if (chunk === null || !flows(this)) return Duplex.prototype.push.call(this, chunk, encoding);
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
  this[KEEPER]?.delete(this as Duplex as Socket);
  this[TRANSPORT]?.onClose();
}
