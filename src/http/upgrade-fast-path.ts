import { AsyncResource } from 'node:async_hooks';
import type { Server } from 'node:http';
import { Socket } from 'node:net';
import { readFastUpgradeRequest } from '../handshake/fast-upgrade-request.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { bytesBehind, headOf } from './plain-head.ts';
import { UpgradeRouter } from './upgrade-router.ts';

/** A client that sends nothing for once to twice this time is left to Node, whose own time limits begin then. */
const MAX_FIRST_BYTE_TIMEOUT_MS = 500;

/** The property of a socket that holds its fast path, so that all sockets share one set of listeners. */
const FAST_PATH: unique symbol = Symbol('fast path');

interface FreshSocket extends Socket {
  [FAST_PATH]?: UpgradeFastPath | undefined;
}

/** The settings of a server that change which requests it upgrades, or how it parses them. */
interface RequestRules {
  readonly maxHeadersCount: number | null;
  /** Only newer versions of Node have this setting. */
  readonly shouldUpgradeCallback?: unknown;
}

type NodeConnectionListener = (this: Server, socket: unknown) => void;

/**
 * Reads the first bytes of each connection of a plain HTTP server. A WebSocket upgrade request in its plain form goes
 * straight to the {@link UpgradeRouter}; every other connection goes to Node's own listener, which sees all its bytes.
 *
 * @remarks node:http takes a fifth of a handshake's time to parse a request, and to bind and unbind its listeners.
 */
export class UpgradeFastPath implements Deadline {
  readonly #server: Server & RequestRules;
  readonly #router: UpgradeRouter;
  /** Node's own listener for connections. */
  readonly #listener: NodeConnectionListener;
  readonly #shouldUpgrade: unknown;
  /** Sockets of clients that have sent nothing yet, with the time of their connecting, oldest first. */
  readonly #waiting = new Map<FreshSocket, number>();
  #ticket: number | undefined;
  /**
   * The `AsyncLocalStorage` contexts in which Node would get the connections: those of the code that made the server
   * listen. Listeners for requests run in the contexts in which Node gets their connection.
   */
  readonly #resource = new AsyncResource('4D-WebSocket-Connections');

  /**
   * Creates a fast path and puts it in front of Node's listener for connections.
   *
   * @param server - a server whose 'connection' event has no listener but Node's own
   * @returns undefined when the server has no such listener or others as well: the server then remains unchanged
   */
  static of(server: Server): UpgradeFastPath | undefined {
    const [listener, ...others] = server.listeners('connection') as NodeConnectionListener[];
    if (listener === undefined || others.length > 0) return undefined;
    const fastPath = new UpgradeFastPath(server, listener);
    server.off('connection', listener);
    server.on('connection', (socket: Socket) => fastPath.#onConnection(socket));
    return fastPath;
  }

  private constructor(server: Server, listener: NodeConnectionListener) {
    this.#server = server;
    this.#router = UpgradeRouter.of(server);
    this.#listener = listener;
    this.#shouldUpgrade = this.#server.shouldUpgradeCallback;
  }

  /** Hands all clients that have sent nothing over to Node, so that Node counts and closes them with its own. */
  release(): void {
    for (const socket of this.#waiting.keys()) this.#handOver(socket);
  }

  onDeadline(): void {
    this.#ticket = undefined;
    for (const [socket, sinceMs] of this.#waiting) {
      if (timers.tickMs - sinceMs < this.#firstByteTimeoutMs) break;
      this.#handOver(socket);
    }
    if (this.#waiting.size > 0) this.#ticket = timers.schedule(this, this.#firstByteTimeoutMs);
  }

  // The shared listeners below call these methods.

  onData(socket: FreshSocket, chunk: Buffer): void {
    const head = this.#isUndisturbed ? headOf(chunk) : undefined;
    const request = head === undefined ? undefined : readFastUpgradeRequest(head);
    if (request === undefined) {
      this.#handOver(socket);
      socket.unshift(chunk);
      return;
    }
    this.forget(socket);
    socket.pause();
    this.#router.route(request, socket, bytesBehind(request.text, chunk));
  }

  /** Reports the error as Node does: to 'clientError', and without a listener the socket is destroyed. */
  onError(socket: FreshSocket, error: Error): void {
    if (!this.#server.emit('clientError', error, socket)) socket.destroy();
  }

  forget(socket: FreshSocket): void {
    socket[FAST_PATH] = undefined;
    ignoreErrors(socket);
    socket.off('error', onError);
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    this.#waiting.delete(socket);
    if (this.#waiting.size > 0 || this.#ticket === undefined) return;
    timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  #onConnection(socket: FreshSocket): void {
    // Programs may emit 'connection' with streams that are no sockets.
    if (!(socket instanceof Socket) || !this.#isUndisturbed) {
      this.#listener.call(this.#server, socket);
      return;
    }
    socket.on('error', onError);
    socket[FAST_PATH] = this;
    this.#ticket ??= timers.schedule(this, this.#firstByteTimeoutMs);
    this.#waiting.set(socket, timers.tickMs);
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onClose);
  }

  /** Whether upgrade requests go to the router alone, and the server still has the settings that it began with. */
  get #isUndisturbed(): boolean {
    const { maxHeadersCount, shouldUpgradeCallback } = this.#server;
    const isOwnCallback =
      shouldUpgradeCallback === this.#shouldUpgrade || shouldUpgradeCallback === this.#router.shouldUpgrade;
    return this.#router.isSoleListener && maxHeadersCount === null && isOwnCallback;
  }

  /** A tenth of the time that the server gives a client for the head of its request, so that it adds little to it. */
  get #firstByteTimeoutMs(): number {
    return Math.min(MAX_FIRST_BYTE_TIMEOUT_MS, this.#server.headersTimeout / 10 || Infinity);
  }

  #handOver(socket: FreshSocket): void {
    this.forget(socket);
    this.#resource.runInAsyncScope(this.#listener, this.#server, socket);
  }
}

function onData(this: FreshSocket, chunk: Buffer): void {
  this[FAST_PATH]?.onData(this, chunk);
}

/** Ends the socket, because the client has ended its side without a request. */
function onEnd(this: FreshSocket): void {
  this.end();
}

function onError(this: FreshSocket, error: Error): void {
  this[FAST_PATH]?.onError(this, error);
}

function onClose(this: FreshSocket): void {
  this[FAST_PATH]?.forget(this);
}
