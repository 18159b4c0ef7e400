import type { Socket } from 'node:net';
import { readFastUpgradeAnswer } from '../handshake/fast-upgrade-answer.ts';
import { bytesBehind, headOf } from '../http/plain-head.ts';
import { pauseQueue } from '../transport/socket-transport.ts';

/** The property of a socket that holds its upgrade, so that all sockets share one set of listeners. */
const UPGRADE: unique symbol = Symbol('plain upgrade');

interface AskingSocket extends Socket {
  [UPGRADE]?: PlainUpgrade | undefined;
}

/** Is notified of what becomes of an upgrade request: one call, after which nothing listens to the socket any more. */
export interface PlainUpgradeListener {
  /**
   * The whole answer is a 101 in its plain form. The socket is paused.
   *
   * @param headers - values by header name in lower case
   * @param head - the bytes behind the answer
   * @param text - the answer
   */
  onPlainAnswer(headers: Readonly<Record<string, string>>, head: Buffer, text: string): void;
  /**
   * Another answer begins with these bytes, which Node's parser must read. The socket is paused.
   *
   * @remarks The first bytes decide, so an answer that comes in pieces is one of these.
   */
  onOtherAnswer(chunk: Buffer): void;
  /** The connection has failed or ended before an answer. */
  onUpgradeFailed(error: Error): void;
}

/**
 * Sends an upgrade request over a socket and reads the first bytes of the answer, without node:http.
 *
 * @remarks node:http takes a third of a handshake's time to check and write a request, to parse the answer, and to bind
 * and unbind its listeners.
 */
export class PlainUpgrade {
  readonly #request: string;
  readonly #listener: PlainUpgradeListener;
  #socket: AskingSocket | undefined;

  /** @param request - the whole request as Latin-1 */
  constructor(request: string, listener: PlainUpgradeListener) {
    this.#request = request;
    this.#listener = listener;
  }

  /** Takes the socket, which may still be connecting. */
  watch(socket: Socket): void {
    this.#socket = socket;
    this.#socket[UPGRADE] = this;
    socket.on('error', onError);
    socket.on('end', onEnd);
    socket.on('close', onClose);
  }

  /** Sends the request over the socket, which is connected. */
  send(): void {
    this.#socket?.on('data', onData);
    this.#socket?.write(this.#request, 'latin1');
  }

  // The shared listeners below call these methods.

  onData(socket: AskingSocket, chunk: Buffer): void {
    forget(socket);
    pauseQueue(socket);
    const head = headOf(chunk);
    const headers = head === undefined ? undefined : readFastUpgradeAnswer(head);
    if (head === undefined || headers === undefined) this.#listener.onOtherAnswer(chunk);
    else this.#listener.onPlainAnswer(headers, bytesBehind(head, chunk), head);
  }

  onFailed(socket: AskingSocket, error: Error): void {
    forget(socket);
    this.#listener.onUpgradeFailed(error);
  }
}

function forget(socket: AskingSocket): void {
  socket[UPGRADE] = undefined;
  socket.off('error', onError);
  socket.off('end', onEnd);
  socket.off('close', onClose);
  socket.off('data', onData);
}

function onData(this: AskingSocket, chunk: Buffer): void {
  this[UPGRADE]?.onData(this, chunk);
}

function onError(this: AskingSocket, error: Error): void {
  this[UPGRADE]?.onFailed(this, error);
}

function onEnd(this: AskingSocket): void {
  // During a TLS handshake node:tls destroys the socket at its end, and 'error' follows.
  if (!this.destroyed) onClose.call(this);
}

function onClose(this: AskingSocket): void {
  this[UPGRADE]?.onFailed(this, hangUp());
}

/** Makes the error that node:http makes when a server ends the connection without an answer. */
function hangUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}
