import { type Server as HttpServer, STATUS_CODES } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { PendingAnswers, watchAnswers } from './pending-answers.ts';
import { describeLostHeaders } from './lost-headers.ts';

/** Longest time for a refused client to read the answer and to end its side. */
const LINGER_MS = 5000;

/** Longest wait of an upgrade request for the answers before it, when its acceptor has no limit of its own. */
const HELD_TIMEOUT_MS = 10_000;

/** Any HTTP server of Node that can upgrade. */
export type UpgradableServer = HttpServer | HttpsServer;

/** Receives the upgrade requests of one path. */
export interface UpgradeAcceptor {
  /**
   * Longest time in milliseconds that a request may wait for the answers before it; Infinity for no limit. Default 10
   * 000.
   */
  readonly handshakeTimeoutMs?: number;
  /** `socket` has an 'error' listener and is not being read. `head` holds the bytes that came behind the request. */
  accept(request: UpgradeRequest, socket: Duplex, head: Buffer): void;
}

/** The refusal of an upgrade request. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly text: string;
}

const routers = new WeakMap<UpgradableServer, UpgradeRouter>();

/**
 * Hands the upgrade requests of one HTTP server to the acceptors of their paths.
 *
 * @remarks The router listens to 'upgrade' only while it has an acceptor, so that a server without an acceptor behaves
 * as if the library were not there.
 */
export class UpgradeRouter {
  readonly #server: UpgradableServer;
  readonly #acceptors = new Map<string, UpgradeAcceptor>();
  #unwatch: (() => void) | undefined;
  readonly #onUpgrade = (request: UpgradeRequest, socket: Duplex, head: Buffer): void => {
    ignoreErrors(socket);
    this.route(request, socket, head);
  };

  /** Decides about an upgrade request before its acceptor does. Set by a server that has rules for all requests. */
  guard: ((request: UpgradeRequest) => UpgradeRefusal | undefined) | undefined;

  /** Returns the router of a server: always the same object for the same server. */
  static of(server: UpgradableServer): UpgradeRouter {
    const known = routers.get(server);
    if (known !== undefined) return known;
    const router = new UpgradeRouter(server);
    routers.set(server, router);
    return router;
  }

  private constructor(server: UpgradableServer) {
    this.#server = server;
  }

  /** Tells whether a path has an acceptor of its own; undefined asks for the acceptor of all other paths. */
  has(path: string | undefined): boolean {
    return this.#acceptors.has(path ?? ANY_PATH);
  }

  /**
   * Adds an acceptor.
   *
   * @param path - as {@link normalizePath} gives it, or undefined for all paths that have no acceptor of their own
   * @returns false when the path is taken
   */
  add(path: string | undefined, acceptor: UpgradeAcceptor): boolean {
    const key = path ?? ANY_PATH;
    if (this.#acceptors.has(key)) return false;
    if (this.#acceptors.size === 0) {
      this.#server.on('upgrade', this.#onUpgrade);
      this.#unwatch = watchAnswers(this.#server);
    }
    this.#acceptors.set(key, acceptor);
    return true;
  }

  /** Removes the acceptor of a path. */
  remove(path: string | undefined): void {
    this.#acceptors.delete(path ?? ANY_PATH);
    if (this.#acceptors.size > 0) return;
    this.#server.off('upgrade', this.#onUpgrade);
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** Whether the router is the only listener for upgrade requests of its server. */
  get isSoleListener(): boolean {
    return this.#acceptors.size > 0 && this.#server.listenerCount('upgrade') === 1;
  }

  /**
   * Hands an upgrade request to its acceptor, when the answers before it are over. The request comes from an 'upgrade'
   * event, or from the fast path in place of that event while the router {@link isSoleListener}.
   *
   * @param socket - has an 'error' listener, and is not being read
   */
  route(request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    const acceptor = this.#acceptorOf(request);
    // Another 'upgrade' listener may serve the path: then the socket belongs to that listener.
    if (acceptor === undefined && this.#server.listenerCount('upgrade') > 1) return;
    const pending = PendingAnswers.of(socket);
    if (pending === undefined || pending.count === 0) {
      this.#decide(acceptor, request, socket, head);
      return;
    }
    // The server of the path may have ended meanwhile, so the acceptor is looked up again.
    const proceed = (): void => this.#decide(this.#acceptorOf(request), request, socket, head);
    new HeldUpgrade(socket, proceed).wait(pending, acceptor?.handshakeTimeoutMs ?? HELD_TIMEOUT_MS);
  }

  #acceptorOf({ url = '/' }: UpgradeRequest): UpgradeAcceptor | undefined {
    return this.#acceptors.get(pathOf(url)) ?? this.#acceptors.get(ANY_PATH);
  }

  #decide(acceptor: UpgradeAcceptor | undefined, request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    const refusal = this.guard?.(request);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal.status, refusal.text);
      return;
    }
    if (acceptor === undefined) {
      refuseUpgrade(socket, 404, 'no WebSocket server has this path');
      return;
    }
    const lostHeaders = describeLostHeaders(this.#server, request.rawHeaders);
    if (lostHeaders === undefined) acceptor.accept(request, socket, head);
    else refuseUpgrade(socket, 431, lostHeaders);
  }
}

/**
 * An upgrade request that came while answers to earlier requests of its connection were pending (pipelining).
 *
 * @remarks Node hands the socket out at once, and goes on to write those answers to it. A 101 would overtake them, and
 * they would lie in the middle of the WebSocket stream.
 */
class HeldUpgrade implements Deadline {
  readonly #socket: Duplex;
  readonly #proceed: () => void;
  #ticket: number | undefined;

  constructor(socket: Duplex, proceed: () => void) {
    this.#socket = socket;
    this.#proceed = proceed;
  }

  wait(pending: PendingAnswers, timeoutMs: number): void {
    if (timeoutMs !== Infinity) this.#ticket = timers.schedule(this, timeoutMs);
    pending.onceAllOver(() => {
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      if (this.#socket.writable) this.#proceed();
    });
  }

  /** Ends the connection. No refusal can be written, because an earlier answer is being sent. */
  onDeadline(): void {
    this.#socket.destroy();
  }
}

/** The key of the acceptor for all paths: no path equals it. */
const ANY_PATH = '*';

/** Returns a path in the form in which paths are compared: with a leading slash, without a trailing slash. */
export function normalizePath(path: string): string {
  const absolute = path.startsWith('/') ? path : `/${path}`;
  return absolute.length > 1 && absolute.endsWith('/') ? absolute.slice(0, -1) : absolute;
}

/** Returns the normalized path of a request target, which may be a whole URL (RFC 9112 section 3.2.2). */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  const withoutQuery = query < 0 ? target : target.slice(0, query);
  return normalizePath(withoutQuery.slice(startOfPath(withoutQuery)));
}

function startOfPath(target: string): number {
  if (target.startsWith('/')) return 0;
  const authority = target.indexOf('://');
  const path = authority < 0 ? -1 : target.indexOf('/', authority + 3);
  return path < 0 ? target.length : path;
}

/**
 * Answers an upgrade request with a plain HTTP response and closes the socket.
 *
 * @remarks A client that does not end its side is cut off after {@link LINGER_MS}.
 * @param text - the body of the answer, for a person to read
 */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const lines = Object.entries({ 'Content-Type': 'text/plain; charset=utf-8', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  answerUpgrade(socket, status, `${text}\n`, lines.join(''));
}

/**
 * Answers an upgrade request as {@link refuseUpgrade} does, with header lines that were checked.
 *
 * @param headerLines - header lines, each with its CRLF
 */
export function answerUpgrade(socket: Duplex, status: number, body: string, headerLines: string): void {
  if (socket.destroyed) return;
  const head =
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n${headerLines}\r\n`;
  // Header values may be Latin-1; the body is UTF-8.
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body, 'utf8')]));
  // The rest of the client's bytes is read and dropped: with unread bytes the system would send a reset, which
  // overtakes the answer.
  socket.resume();
  const deadline = { onDeadline: () => socket.destroy() };
  const ticket = timers.schedule(deadline, LINGER_MS);
  socket.once('close', () => timers.cancel(deadline, ticket));
}
