import { maxHeaderSize, type Server } from 'node:http';
import { Socket } from 'node:net';
import { MAX_FAST_UPGRADE_BYTES, readFastUpgradeRequest } from '../handshake/fast-upgrade-request.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { UpgradeRouter } from './upgrade-router.ts';

/** A client that has sent nothing for so long, twice at most, is left to Node, whose own limits of time begin then. */
const FIRST_BYTE_TIMEOUT_MS = 1000;

const MAX_HEAD_BYTES: number = Math.min(MAX_FAST_UPGRADE_BYTES, maxHeaderSize);

const NO_BYTES = Buffer.alloc(0);
/** Line end, line end. */
const EMPTY_LINE = 0x0d_0a_0d_0a;

/** Where a socket finds who reads its first bytes, so that all sockets share one set of listeners. */
const READER: unique symbol = Symbol('reader');

interface FreshSocket extends Socket {
  [READER]?: UpgradeFastPath | undefined;
}

/** The settings of a server that change which requests it takes, or how it reads them. */
interface RequestRules {
  readonly maxHeadersCount: number | null;
  /** Newer versions of Node have it. */
  readonly shouldUpgradeCallback?: unknown;
}

type NodeConnectionListener = (this: Server, socket: unknown) => void;

/**
 * Reads the first bytes of each connection of a plain HTTP server. A WebSocket upgrade request in its plain form goes
 * straight to the {@link UpgradeRouter}; all else goes to the listener of Node that would have read it, as if nothing had
 * happened.
 *
 * @remarks node:http takes a fifth of a handshake's time to parse a request, and to bind and unbind its listeners.
 */
export class UpgradeFastPath implements Deadline {
  readonly #server: Server & RequestRules;
  readonly #router: UpgradeRouter;
  /** What Node itself does with a connection. */
  readonly #listener: NodeConnectionListener;
  readonly #shouldUpgrade: unknown;
  /** Clients that have sent nothing yet, with the time since when, the oldest first. */
  readonly #waiting = new Map<FreshSocket, number>();
  #ticket: number | undefined;

  /**
   * Puts itself in front of Node's listener.
   *
   * @param server - before anybody else listens to its 'connection' event
   * @returns undefined when Node does not do as expected: the server remains as it is
   */
  static of(server: Server): UpgradeFastPath | undefined {
    const [listener, ...others] = server.listeners('connection') as NodeConnectionListener[];
    if (listener === undefined || others.length > 0) return undefined;
    const reader = new UpgradeFastPath(server, listener);
    server.off('connection', listener);
    server.on('connection', (socket: Socket) => reader.#onConnection(socket));
    return reader;
  }

  private constructor(server: Server, listener: NodeConnectionListener) {
    this.#server = server;
    this.#router = UpgradeRouter.of(server);
    this.#listener = listener;
    this.#shouldUpgrade = this.#server.shouldUpgradeCallback;
  }

  /** Leaves all clients that have sent nothing to Node, which counts and ends them as its own. */
  release(): void {
    for (const socket of this.#waiting.keys()) this.#handOver(socket);
  }

  onDeadline(): void {
    this.#ticket = undefined;
    for (const [socket, sinceMs] of this.#waiting) {
      if (timers.tickMs - sinceMs < FIRST_BYTE_TIMEOUT_MS) break;
      this.#handOver(socket);
    }
    if (this.#waiting.size > 0) this.#ticket = timers.schedule(this, FIRST_BYTE_TIMEOUT_MS);
  }

  // Called by the shared listeners below.

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
    const headBytes = request.text.length;
    this.#router.take(request, socket, headBytes === chunk.length ? NO_BYTES : chunk.subarray(headBytes));
  }

  /** As Node does: the user may want to know of it. */
  onError(socket: FreshSocket, error: Error): void {
    if (!this.#server.emit('clientError', error, socket)) socket.destroy();
  }

  forget(socket: FreshSocket): void {
    socket[READER] = undefined;
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
    // Programs may emit 'connection' with streams of other kinds.
    if (!(socket instanceof Socket) || !this.#isUndisturbed) {
      this.#listener.call(this.#server, socket);
      return;
    }
    socket.on('error', onError);
    socket[READER] = this;
    this.#ticket ??= timers.schedule(this, FIRST_BYTE_TIMEOUT_MS);
    this.#waiting.set(socket, timers.tickMs);
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onClose);
  }

  /** Whether an upgrade request would go to the router and to nobody else, by the rules that the server began with. */
  get #isUndisturbed(): boolean {
    const { maxHeadersCount, shouldUpgradeCallback } = this.#server;
    return this.#router.isSoleListener && maxHeadersCount === null && shouldUpgradeCallback === this.#shouldUpgrade;
  }

  #handOver(socket: FreshSocket): void {
    this.forget(socket);
    this.#listener.call(this.#server, socket);
  }
}

/** The bytes up to the first empty line, or to one at the end; undefined when there is none or they are too many. */
function headOf(chunk: Buffer): string | undefined {
  // Usually the chunk is the request. Where it is more, what reads it will say so.
  const isWhole = chunk.length >= 4 && chunk.readInt32BE(chunk.length - 4) === EMPTY_LINE;
  const end = isWhole ? chunk.length : chunk.indexOf('\r\n\r\n', 0, 'latin1') + 4;
  return end < 4 || end > MAX_HEAD_BYTES ? undefined : chunk.toString('latin1', 0, end);
}

function onData(this: FreshSocket, chunk: Buffer): void {
  this[READER]?.onData(this, chunk);
}

/** No request will come. */
function onEnd(this: FreshSocket): void {
  this.end();
}

function onError(this: FreshSocket, error: Error): void {
  this[READER]?.onError(this, error);
}

function onClose(this: FreshSocket): void {
  this[READER]?.forget(this);
}
