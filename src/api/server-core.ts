import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { callbackFailed, FourDError } from '../errors.ts';
import { reportError } from '../process/error-handling.ts';
import { currentContext, type LogicalProcess, type Owned } from '../process/logical-process.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import { buildUpgradeResponse, checkUpgradeRequest, chooseProtocol } from '../protocol/handshake-server.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { refuseUpgrade, type UpgradeAcceptor, type UpgradeHub } from '../transport/upgrade.ts';
import { ArrivalOrder } from './arrival-order.ts';
import { type CallbackOwner, CallbackQueue, type QueuedEvent } from './callback-queue.ts';
import type { DataType } from './data-type.ts';
import type { ConnectionEvent } from './events.ts';
import { callHandler, hasCallback } from './handlers.ts';
import type { CheckedOptions } from './options.ts';
import { PendingUpgrade, type UpgradeJudge } from './pending-upgrade.ts';
import { OWNER_END_TIMEOUT_MS, Session, type SessionOwner } from './session.ts';
import { createConnection, type WebSocketConnection } from './web-socket-connection.ts';
import type { WebSocketServer } from './web-socket-server.ts';

/** What a server is made of. */
export interface ServerCoreOptions {
  readonly handler: object;
  readonly dataType: DataType;
  readonly path: string | undefined;
  readonly limits: CheckedOptions;
  readonly hubs: readonly UpgradeHub[];
}

/** The work of a `WebSocketServer`: accepts clients, keeps their connections, and ends in order. */
export class ServerCore implements UpgradeAcceptor, UpgradeJudge, CallbackOwner, Owned {
  readonly subject: WebSocketServer;
  readonly handler: object;
  readonly dataType: DataType;
  readonly #path: string | undefined;
  readonly #limits: CheckedOptions;
  readonly #hubs: readonly UpgradeHub[];
  readonly #process: LogicalProcess;
  readonly #queue: CallbackQueue;
  readonly #connections = new Set<ServerConnection>();
  readonly #pending = new Set<PendingUpgrade>();
  /** The connections as the user sees them, until one comes or goes. */
  #snapshot: readonly WebSocketConnection[] | undefined;
  /** Connections whose onTerminate has not run. */
  #unfinished = 0;
  /** The order of the connections' onTerminate, while the server ends. */
  #order: ArrivalOrder<ServerConnection> | undefined;
  #isOpened = false;
  #isTerminating = false;
  #hasEnded = false;
  #isTerminated = false;
  /** onTerminate has run. */
  #isOver = false;
  readonly #onEnd: (() => void)[] = [];

  constructor(subject: WebSocketServer, options: ServerCoreOptions) {
    this.subject = subject;
    this.handler = options.handler;
    this.dataType = options.dataType;
    this.#path = options.path;
    this.#limits = options.limits;
    this.#hubs = options.hubs;
    this.#process = currentContext().process;
    this.#queue = new CallbackQueue(this, options.handler, this.#process, Infinity);
    this.#process.own(this);
    for (const hub of this.#hubs) hub.add(this.#path, this);
    // Later, so that the variable that receives the server is set.
    setImmediate(() => this.#queue.push({ type: 'open' }));
  }

  get isTerminated(): boolean {
    return this.#isTerminated;
  }

  get handshakeTimeoutMs(): number {
    return this.#limits.handshakeTimeoutMs;
  }

  /** The open connections in order of arrival. The array never changes: it is made anew after each coming and going. */
  get connections(): readonly WebSocketConnection[] {
    this.#snapshot ??= Object.freeze(Array.from(this.#connections, ({ subject }) => subject));
    return this.#snapshot;
  }

  /** Calls `listener` when onTerminate has run. */
  onceEnded(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#onEnd.push(listener);
  }

  /**
   * Ends the server: refuses new clients, closes the connections, and runs onTerminate when the last is over.
   *
   * @remarks A further call with a shorter time hastens the end.
   * @param timeoutMs - how long a peer may take to answer; 0 sends no close frame; Infinity waits forever
   */
  shutdown(code: number, timeoutMs: number): void {
    this.#isTerminating = true;
    this.#order ??= new ArrivalOrder(Array.from(this.#connections).filter(({ hasEnded }) => !hasEnded));
    for (const upgrade of this.#pending) upgrade.refuse(503, 'the server is closing');
    for (const { session } of this.#connections) {
      if (timeoutMs === 0) session.destroy();
      else session.close(code, '', timeoutMs);
    }
    this.#endIfOver();
  }

  // UpgradeAcceptor

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isTerminating) {
      refuseUpgrade(socket, 503, 'the server is closing');
      return;
    }
    const check = checkUpgradeRequest(request);
    if (!check.isValid) {
      refuseUpgrade(socket, check.status, check.reason, check.headers);
      return;
    }
    const protocol = chooseProtocol(this.#limits.protocols, check.protocols);
    if (protocol === undefined) {
      refuseUpgrade(socket, 400, 'none of the subprotocols offered is spoken here');
      return;
    }
    const upgrade = new PendingUpgrade(this, request, socket, head, check.key, protocol);
    this.#pending.add(upgrade);
    if (this.#isOpened) this.#decide(upgrade);
  }

  // UpgradeJudge

  askUser(event: ConnectionEvent): unknown {
    return callHandler(this.handler, 'onConnection', this.subject, event);
  }

  onAnswer(upgrade: PendingUpgrade, answer: unknown): void {
    if (answer === null || answer === undefined) {
      upgrade.refuse(403, 'the server refused the connection');
    } else if (typeof answer !== 'object' || !hasCallback(answer, 'onMessage')) {
      const message = 'invalid connection handler: onConnection must return an object with a method onMessage, or null';
      this.onAnswerFailed(upgrade, new FourDError('ERR_INVALID_HANDLER', message, { componentSignature: 'HTTP' }));
    } else {
      upgrade.settle();
      this.#open(upgrade, answer);
    }
  }

  onAnswerFailed(upgrade: PendingUpgrade, thrown: unknown): void {
    upgrade.refuse(500, 'the server failed to decide');
    this.#tell(thrown instanceof FourDError ? thrown : callbackFailed('onConnection', thrown));
  }

  onSettled(upgrade: PendingUpgrade): void {
    this.#pending.delete(upgrade);
  }

  // Owned

  onOwnerEnding(): void {
    this.shutdown(CLOSE_GOING_AWAY, OWNER_END_TIMEOUT_MS);
  }

  // CallbackOwner

  onBeforeCallback(event: QueuedEvent): void {
    if (event.type === 'terminate') this.#isTerminated = true;
  }

  onAfterCallback(event: QueuedEvent): void {
    if (event.type === 'open') {
      this.#isOpened = true;
      for (const upgrade of this.#pending) this.#decide(upgrade);
      this.#endIfOver();
    } else if (event.type === 'terminate') {
      for (const hub of this.#hubs) hub.remove(this.#path);
      this.#process.disown(this);
      this.#isOver = true;
      for (const onEnd of this.#onEnd) onEnd();
    }
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown): void {
    const name = event.type === 'open' ? 'onOpen' : event.type === 'error' ? 'onError' : 'onTerminate';
    reportError(callbackFailed(name, thrown), this.#process);
  }

  onQueueFull(): void {}

  onQueueDrained(): void {}

  // Called by the connections.

  /** A connection is over: it leaves `connections`. */
  onConnectionClosed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#snapshot = undefined;
  }

  /** A connection's onTerminate has run. */
  onConnectionFinished(): void {
    this.#unfinished--;
    this.#endIfOver();
  }

  /** Has the onTerminate of connections run in order of arrival, while the server ends. */
  deferEnd(connection: ServerConnection, deliver: () => void): void {
    if (this.#order === undefined) deliver();
    else this.#order.add(connection, deliver);
  }

  #decide(upgrade: PendingUpgrade): void {
    if (this.#process.isMain) this.#process.enter(() => upgrade.ask());
    else this.#process.runTask(() => upgrade.ask());
  }

  #open(upgrade: PendingUpgrade, handler: object): void {
    const { socket, head, key, protocol } = upgrade;
    const { dataType } = this;
    this.#unfinished++;
    const connection = new ServerConnection(this, protocol, {
      role: 'server',
      handler,
      dataType,
      process: this.#process,
      limits: this.#limits,
    });
    this.#connections.add(connection);
    this.#snapshot = undefined;
    connection.session.open(new SocketTransport(socket), head, buildUpgradeResponse(key, protocol));
  }

  /** Tells the server's onError, else, and when onTerminate has had the last word, the error handler. */
  #tell(error: FourDError): void {
    if (!this.#hasEnded && hasCallback(this.handler, 'onError')) {
      this.#queue.push({ type: 'error', errors: [error.item], error });
    } else {
      reportError(error, this.#process);
    }
  }

  #endIfOver(): void {
    if (!this.#isTerminating || this.#unfinished > 0 || !this.#isOpened || this.#hasEnded) return;
    this.#hasEnded = true;
    // Later: never within terminate().
    setImmediate(() => this.#queue.push({ type: 'terminate' }));
  }
}

/** Joins a session to its server. */
class ServerConnection implements SessionOwner {
  readonly subject: WebSocketConnection;
  readonly session: Session;
  /** True when nothing is left of the connection but its onTerminate. */
  hasEnded = false;
  readonly #core: ServerCore;

  constructor(core: ServerCore, protocol: string, options: ConstructorParameters<typeof Session>[1]) {
    this.#core = core;
    this.session = new Session(this, options);
    this.subject = createConnection(this.session, core.subject, protocol);
  }

  deferEnd(deliver: () => void): void {
    this.hasEnded = true;
    this.#core.deferEnd(this, deliver);
  }

  onClosed(): void {
    this.#core.onConnectionClosed(this);
  }

  onFinished(): void {
    this.#core.onConnectionFinished();
  }
}
