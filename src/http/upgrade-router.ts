import type { Duplex } from 'node:stream';
import { ignoreRejection } from '../base/promises.ts';
import { keyOfRequestPath, type PathPattern, readRequestPath } from '../handshake/path-pattern.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { asksForWebSocket, giveBack, restoreShouldUpgrade, setShouldUpgrade } from './other-upgrades.ts';
import { holdUpgrade, refuseHeld } from './held-upgrade.ts';
import { watchAnswers } from './pending-answers.ts';
import { isTaken, takeSocket } from './taken-sockets.ts';
import { UnknownPaths } from './unknown-paths.ts';
import { refusalOfLostHeaders } from './lost-headers.ts';
import type { UpgradableServer } from './upgradable-server.ts';
import { type RefusalListener, refuseUpgrade, type UpgradeRefusal } from './upgrade-refusal.ts';

/** A request that another 'upgrade' listener should answer gets 404 when nobody has after this time. */
const UNANSWERED_TIMEOUT_MS = 30_000;

/** Receives the upgrade requests of one path, and hears of those that are refused before it receives them. */
export interface UpgradeAcceptor extends RefusalListener {
  /**
   * Longest time in milliseconds that a request may wait for the answers before it; Infinity for no limit. Default 10
   * 000.
   */
  readonly handshakeTimeoutMs?: number;
  /** `socket` has an 'error' listener and is not being read. `head` holds the bytes that came behind the request. */
  accept(request: UpgradeRequest, socket: Duplex, head: Buffer): void;
}

/** A path, and who receives its upgrade requests. */
interface AcceptedPath {
  readonly pattern: PathPattern;
  readonly acceptor: UpgradeAcceptor;
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
  /** The acceptors of paths without parameters, by {@link PathPattern.key}. */
  readonly #literals = new Map<string, AcceptedPath>();
  /** The acceptors of patterns, by {@link PathPattern.key}. */
  readonly #patterns = new Map<string, AcceptedPath>();
  /** The acceptor of all paths that have no acceptor of their own. */
  #otherPaths: UpgradeAcceptor | undefined;
  #shouldUpgrade: ReturnType<typeof setShouldUpgrade>;
  #hasWarned = false;
  readonly #unknownPaths = new UnknownPaths();
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
  has(path: PathPattern | undefined): boolean {
    if (path === undefined) return this.#otherPaths !== undefined;
    return this.#literals.has(path.key) || this.#patterns.has(path.key);
  }

  /**
   * Adds an acceptor.
   *
   * @param path - undefined for all paths that have no acceptor of their own
   * @returns false when the path is taken
   */
  add(path: PathPattern | undefined, acceptor: UpgradeAcceptor): boolean {
    if (this.has(path)) return false;
    if (!this.#hasAcceptors) {
      this.#server.on('upgrade', this.#onUpgrade);
      this.#shouldUpgrade = setShouldUpgrade(this.#server);
      this.#unwatch = watchAnswers(this.#server);
    }
    if (path === undefined) this.#otherPaths = acceptor;
    else (path.isLiteral ? this.#literals : this.#patterns).set(path.key, { pattern: path, acceptor });
    return true;
  }

  /** Removes the acceptor of a path. */
  remove(path: PathPattern | undefined): void {
    if (path === undefined) this.#otherPaths = undefined;
    else if (path.isLiteral) this.#literals.delete(path.key);
    else this.#patterns.delete(path.key);
    if (this.#hasAcceptors) return;
    this.#unwatch?.();
    this.#unwatch = undefined;
    try {
      this.#server.off('upgrade', this.#onUpgrade);
      restoreShouldUpgrade(this.#server, this.#shouldUpgrade);
    } catch (thrown) {
      // The server may be an object of the user. Without an acceptor the listener refuses what it still gets.
      ignoreRejection(thrown);
    }
  }

  /** The callback by which the router keeps requests for other protocols with Node, where Node asks for one. */
  get shouldUpgrade(): unknown {
    return this.#shouldUpgrade;
  }

  get #hasAcceptors(): boolean {
    return this.#literals.size > 0 || this.#patterns.size > 0 || this.#otherPaths !== undefined;
  }

  get #hasOtherListeners(): boolean {
    return this.#server.listenerCount('upgrade') > 1;
  }

  /** Whether the router is the only listener for upgrade requests of its server. */
  get isSoleListener(): boolean {
    return this.#hasAcceptors && !this.#hasOtherListeners;
  }

  /**
   * Hands an upgrade request to its acceptor, when the answers before it are over. The request comes from an 'upgrade'
   * event, or from the fast path in place of that event while the router {@link isSoleListener}.
   *
   * @param socket - has an 'error' listener, and is not being read
   */
  route(request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    // A listener of the user may have given the socket to a server, or may do so while the request is held.
    if (isTaken(socket)) return;
    // The header Upgrade may be among those that Node has dropped.
    const lostHeaders = refusalOfLostHeaders(this.#server, request.rawHeaders);
    const isWebSocket = lostHeaders !== undefined || asksForWebSocket(request);
    const acceptor = isWebSocket ? this.#acceptorOf(request) : undefined;
    if (this.#hasOtherListeners) {
      if (acceptor === undefined) {
        // The socket belongs to the other listener, if that one serves the path.
        new UnansweredUpgrade(socket, () => this.#refusePath(request, socket)).wait();
        return;
      }
      this.#warnOfOtherListeners(acceptor);
    }
    // The server of the path may have ended while the request was held, so its acceptor is looked up again.
    const proceed = (): void => {
      if (isWebSocket) this.#decide(this.#acceptorOf(request), request, socket, head);
      else giveBack(this.#server, request, socket, head);
    };
    const giveUp = (): void => {
      if (isTaken(socket)) return;
      if (isWebSocket) refuseHeld(request, socket, this.#acceptorOf(request));
      else socket.destroy();
    };
    holdUpgrade(socket, acceptor?.handshakeTimeoutMs, proceed, giveUp);
  }

  /** Finds the acceptor of a path: a literal one decides before patterns, and any pattern before the one without path. */
  #acceptorOf({ url = '/' }: UpgradeRequest): UpgradeAcceptor | undefined {
    if (this.#literals.size === 0 && this.#patterns.size === 0) return this.#otherPaths;
    const segments = readRequestPath(url);
    const literal = this.#literals.get(keyOfRequestPath(segments));
    if (literal !== undefined) return literal.acceptor;
    const [first] = Array.from(this.#patterns.values())
      .filter(({ pattern }) => pattern.match(segments) !== undefined)
      .toSorted((one, other) => one.pattern.compare(other.pattern));
    return first?.acceptor ?? this.#otherPaths;
  }

  /** A server without path answers all upgrade requests, those for the other listener as well. */
  #warnOfOtherListeners(acceptor: UpgradeAcceptor): void {
    if (this.#hasWarned || acceptor !== this.#otherPaths) return;
    this.#hasWarned = true;
    process.emitWarning(
      "a WebSocketServer without the option path answers all upgrade requests of a server that has another 'upgrade' " +
        'listener: pass path, or the other listener gets requests that are answered already',
      { type: '4dWebSocketWarning', code: '4D_WEBSOCKET_NO_PATH' },
    );
  }

  #refusePath(request: UpgradeRequest, socket: Duplex): void {
    const known = [...this.#literals.values(), ...this.#patterns.values()].map(({ pattern }) => pattern);
    this.#unknownPaths.refuse(request, socket, known);
  }

  #decide(acceptor: UpgradeAcceptor | undefined, request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    if (!takeSocket(socket)) return;
    const refusal = this.guard?.(request);
    if (refusal !== undefined) {
      refuseUpgrade(request, socket, refusal, acceptor);
      return;
    }
    if (acceptor === undefined) {
      this.#refusePath(request, socket);
      return;
    }
    const lostHeaders = refusalOfLostHeaders(this.#server, request.rawHeaders);
    if (lostHeaders === undefined) acceptor.accept(request, socket, head);
    else refuseUpgrade(request, socket, lostHeaders, acceptor);
  }
}

/** An upgrade request that belongs to another 'upgrade' listener, which may not know it either. */
class UnansweredUpgrade implements Deadline {
  readonly #refuse: () => void;
  readonly #socket: Duplex & { readonly bytesWritten?: number };
  readonly #bytesWritten: number | undefined;
  readonly #onClose = (): void => timers.cancel(this, this.#ticket);
  #ticket = 0;

  constructor(socket: Duplex, refuse: () => void) {
    this.#refuse = refuse;
    this.#socket = socket;
    this.#bytesWritten = this.#socket.bytesWritten;
  }

  wait(): void {
    this.#ticket = timers.schedule(this, UNANSWERED_TIMEOUT_MS);
    this.#socket.on('close', this.#onClose);
  }

  onDeadline(): void {
    const socket = this.#socket;
    socket.off('close', this.#onClose);
    const isRead = socket.listenerCount('data') + socket.listenerCount('readable') > 0;
    if (isTaken(socket) || isRead || socket.bytesWritten !== this.#bytesWritten || socket.writableLength > 0) return;
    this.#refuse();
  }
}
