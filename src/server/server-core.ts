import type { Duplex } from 'node:stream';
import { callbackFailed, type EndCause, FourDError, withEnding } from '../errors.ts';
import { reportError } from '../workers/error-handling.ts';
import { currentContext, type Worker, type WorkerResource } from '../workers/worker.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import {
  buildUpgradeResponse,
  checkUpgradeRequest,
  chooseProtocol,
  type UpgradeRequest,
} from '../handshake/server-handshake.ts';
import { PreparedMessage } from '../protocol/prepared-message.ts';
import { acceptOffer } from '../handshake/permessage-deflate.ts';
import { CompressionFactory } from '../connection/zlib.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { refuseUpgrade, type UpgradeAcceptor, type UpgradeRouter } from '../http/upgrade-router.ts';
import { Acceptance, Refusal } from './admission.ts';
import { EndingOrder } from './ordered-endings.ts';
import { type CallbackOwner, CallbackQueue, type QueuedEvent } from '../session/callback-queue.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { type DataType, type SendableMessage, type SendOptions, toWire } from '../session/data-type.ts';
import { type CheckedDrainOptions, Drain, type DrainResult } from './graceful-shutdown.ts';
import type { ConnectionEvent } from '../session/events.ts';
import { callHandler, hasCallback } from '../session/call-handler.ts';
import type { CheckedServerOptions } from './server-options.ts';
import type { OriginRule } from './origins.ts';
import { PendingUpgrade, type UpgradeJudge } from './pending-upgrade.ts';
import { StoredRequest } from './request-info.ts';
import { WORKER_END_TIMEOUT_MS, Session, type SessionOwner, type SessionSettings } from '../session/session.ts';
import type { ClientFacts, TrustedProxies } from './trusted-proxies.ts';
import { createConnection, type WebSocketConnection } from './web-socket-connection.ts';
import type { WebSocketServer } from './web-socket-server.ts';

/** How a message is sent to all connections of a server. */
export interface BroadcastOptions extends SendOptions {
  /** Connections that do not get it. */
  readonly except?: WebSocketConnection<never> | readonly WebSocketConnection<never>[] | undefined;
}

/** What a server is made of. */
export interface ServerCoreOptions {
  readonly handler: object;
  readonly dataType: DataType;
  readonly path: string | undefined;
  readonly limits: CheckedServerOptions;
  readonly origins: OriginRule;
  readonly proxies: TrustedProxies;
  readonly routers: readonly UpgradeRouter[];
}

/** The work of a `WebSocketServer`: accepts clients, keeps their connections, and ends in order. */
export class ServerCore implements UpgradeAcceptor, UpgradeJudge, CallbackOwner, WorkerResource {
  readonly subject: WebSocketServer;
  readonly handler: object;
  readonly dataType: DataType;
  readonly maxWaitingEvents: number = Infinity;
  readonly #path: string | undefined;
  readonly #limits: CheckedServerOptions;
  readonly #origins: OriginRule;
  readonly #proxies: TrustedProxies;
  readonly #compression: CompressionFactory | undefined;
  readonly #routers: readonly UpgradeRouter[];
  readonly #worker: Worker;
  readonly #sessionSettings: SessionSettings;
  readonly #queue: CallbackQueue;
  readonly #connections = new Set<ServerConnection>();
  readonly #pending = new Set<PendingUpgrade>();
  readonly #counts: ConnectionCounts;
  /** The connections as the user sees them, until one comes or goes. */
  #snapshot: readonly WebSocketConnection[] | undefined;
  /** Connections whose onTerminate has not run. */
  #unfinished = 0;
  /** The order of the connections' onTerminate, while the server ends. */
  #order: EndingOrder<ServerConnection> | undefined;
  #isOpened = false;
  #isTerminating = false;
  #hasEnded = false;
  #isTerminated = false;
  /** onTerminate has run. */
  #isOver = false;
  readonly #onEnd: (() => void)[] = [];

  /** @param subject - the `WebSocketServer`, whatever its types of messages and data are */
  constructor(subject: object, options: ServerCoreOptions) {
    this.subject = subject as WebSocketServer;
    this.handler = options.handler;
    this.dataType = options.dataType;
    this.#path = options.path;
    this.#limits = options.limits;
    this.#origins = options.origins;
    this.#proxies = options.proxies;
    this.#counts = new ConnectionCounts(options.limits);
    const { compression } = options.limits;
    this.#compression = compression && new CompressionFactory('server', compression);
    this.#routers = options.routers;
    this.#worker = currentContext().worker;
    this.#sessionSettings = {
      role: 'server',
      dataType: options.dataType,
      worker: this.#worker,
      limits: options.limits,
    };
    this.#queue = new CallbackQueue(this, this.#worker);
    this.#worker.own(this);
    for (const router of this.#routers) router.add(this.#path, this);
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
   * @param cause - what the connections are told
   */
  shutdown(code: number, timeoutMs: number, cause: EndCause = 'shutdown'): void {
    this.#beginEnd();
    for (const { session } of this.#connections) {
      if (timeoutMs === 0) session.destroy(cause);
      else session.close(code, '', timeoutMs, cause);
    }
    this.#endIfOver();
  }

  /**
   * Ends the server as {@link shutdown} does, but closes the connections in waves.
   *
   * @returns when onTerminate has run
   */
  async drain(options: CheckedDrainOptions): Promise<DrainResult> {
    this.#beginEnd();
    const sessions = Array.from(this.#connections, ({ session }) => session);
    const isOver = new Promise<void>((resolve) => this.onceEnded(resolve));
    new Drain(sessions, options).start();
    this.#endIfOver();
    await isOver;
    const closed = sessions.filter(({ wasClean }) => wasClean).length;
    return { closed, dropped: sessions.length - closed };
  }

  /**
   * Sends a message to all connections.
   *
   * @returns to how many
   * @throws FourDError `ERR_INVALID_MESSAGE`
   */
  broadcast(message: SendableMessage, options: BroadcastOptions): number {
    const prepared = new PreparedMessage(toWire(message, 'HTTP'));
    const { except } = options;
    let receivers = 0;
    const isExcepted = Array.isArray(except) ? new Set<unknown>(except) : new Set<unknown>([except]);
    for (const { session, subject } of this.#connections) {
      if (!isExcepted.has(subject) && session.sendPrepared(prepared, options) !== 'dropped') receivers++;
    }
    return receivers;
  }

  // UpgradeAcceptor

  accept(request: UpgradeRequest, socket: Duplex, head: Buffer): void {
    if (this.#isTerminating) {
      refuseUpgrade(socket, 503, 'the server is closing');
      return;
    }
    const client = this.#proxies.clientOf(request.headers, socket);
    if (client === undefined) {
      refuseUpgrade(socket, 400, 'Forwarded and X-Forwarded-For cannot be read, or contradict each other');
      return;
    }
    const network = this.#counts.networkOf(client.address);
    const refusal = this.#counts.refusalOf(network, this.#connections.size, this.#pending.size);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal.status, refusal.reason);
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
    const upgrade = new PendingUpgrade(this, request, socket, head, check, protocol, client);
    upgrade.network = network;
    this.#counts.add(network);
    this.#pending.add(upgrade);
    if (this.#isOpened) this.#decide(upgrade);
    else upgrade.wait();
  }

  // UpgradeJudge

  askUser(event: ConnectionEvent, client: ClientFacts): unknown {
    return this.#origins.check(event.request, client) ?? callHandler(this.handler, 'onConnection', this.subject, event);
  }

  onAnswer(upgrade: PendingUpgrade, answer: unknown): void {
    if (answer === null || answer === undefined) {
      upgrade.refuse(403, 'the server refused the connection');
    } else if (answer instanceof Refusal) {
      upgrade.refuseWith(answer);
    } else {
      this.#accept(upgrade, answer instanceof Acceptance ? answer : new Acceptance(answer as never));
    }
  }

  onAnswerFailed(upgrade: PendingUpgrade, thrown: unknown): void {
    upgrade.refuse(500, 'the server failed to decide');
    this.#tell(thrown instanceof FourDError ? thrown : callbackFailed('onConnection', thrown));
  }

  onSettled(upgrade: PendingUpgrade): void {
    this.#pending.delete(upgrade);
    this.#counts.remove(upgrade.network);
  }

  // WorkerResource

  onWorkerEnding(): void {
    this.shutdown(CLOSE_GOING_AWAY, WORKER_END_TIMEOUT_MS, 'worker');
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
      for (const router of this.#routers) router.remove(this.#path);
      this.#worker.disown(this);
      this.#isOver = true;
      for (const onEnd of this.#onEnd) onEnd();
    }
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown): void {
    const name = event.type === 'open' ? 'onOpen' : event.type === 'error' ? 'onError' : 'onTerminate';
    reportError(callbackFailed(name, thrown), this.#worker);
  }

  onQueueFull(): void {}

  onQueueIdle(): void {}

  // Called by the connections.

  /** A connection is over: it leaves `connections`. */
  onConnectionClosed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#counts.remove(connection.network);
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
    if (this.#worker.isMain) {
      this.#worker.enter(() => upgrade.ask());
    } else {
      upgrade.wait();
      this.#worker.runTask(() => upgrade.ask());
    }
  }

  #accept(upgrade: PendingUpgrade, acceptance: Acceptance<unknown>): void {
    const { protocol } = acceptance;
    const handler: unknown = acceptance.handler;
    if (typeof handler !== 'object' || handler === null || !hasCallback(handler, 'onMessage')) {
      const message = 'invalid connection handler: onConnection must return an object with a method onMessage, or null';
      this.onAnswerFailed(upgrade, new FourDError('ERR_INVALID_HANDLER', message, { componentSignature: 'HTTP' }));
    } else if (protocol !== undefined && protocol !== '' && !upgrade.handshake.protocols.includes(protocol)) {
      // RFC 6455 section 4.1: the client would have to end the connection.
      const message = 'invalid protocol: accept() was given one that the client did not offer';
      this.onAnswerFailed(upgrade, new FourDError('ERR_INVALID_OPTION', message, { componentSignature: 'HTTP' }));
    } else {
      upgrade.settle();
      this.#open(upgrade, handler, acceptance);
    }
  }

  #open(upgrade: PendingUpgrade, handler: object, acceptance: Acceptance<unknown>): void {
    const { socket, head, handshake, request, client } = upgrade;
    const protocol = acceptance.protocol ?? upgrade.protocol;
    this.#unfinished++;
    const kept = new StoredRequest(request, client.address);
    const session = { handler, settings: this.#sessionSettings };
    const connection = new ServerConnection(this, protocol, kept, acceptance.data, session);
    connection.network = upgrade.network;
    this.#counts.add(connection.network);
    this.#connections.add(connection);
    this.#snapshot = undefined;
    const agreed = this.#limits.compression && acceptOffer(handshake.extensions, this.#limits.compression);
    const answer = buildUpgradeResponse(handshake.key, protocol, agreed?.answer ?? '', acceptance.headerLines);
    const compression = agreed && this.#compression?.create(agreed.parameters);
    connection.session.open(new SocketTransport(socket), head, answer, compression);
  }

  /** Tells the server's onError, else, and when onTerminate has had the last word, the error handler. */
  #tell(error: FourDError): void {
    withEnding(error, 'handshake', 'invalid');
    if (!this.#hasEnded && hasCallback(this.handler, 'onError')) {
      this.#queue.push({ type: 'error', errors: [error.item], error });
    } else {
      reportError(error, this.#worker);
    }
  }

  /** Refuses clients from now on, also those that wait. */
  #beginEnd(): void {
    this.#isTerminating = true;
    this.#order ??= new EndingOrder(Array.from(this.#connections).filter(({ hasEnded }) => !hasEnded));
    for (const upgrade of this.#pending) upgrade.refuse(503, 'the server is closing');
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
  /** What it counts for: {@link ConnectionCounts.networkOf}. */
  network = '';
  readonly #core: ServerCore;

  constructor(
    core: ServerCore,
    protocol: string,
    request: StoredRequest,
    data: unknown,
    { handler, settings }: { readonly handler: object; readonly settings: SessionSettings },
  ) {
    this.#core = core;
    this.session = new Session(this, handler, settings);
    this.subject = createConnection(this.session, core.subject, protocol, request, data);
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
