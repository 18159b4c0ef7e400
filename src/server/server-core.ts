import { monotonicMs, setImmediate } from '../base/clock.ts';
import { callbackFailed, type EndCause, type FourDError, withEnding } from '../errors.ts';
import type { CallbackTimes } from '../diagnostics/callback-times.ts';
import { serverChannel } from '../diagnostics/channels.ts';
import { startDebugLog } from '../diagnostics/debug-log.ts';
import { type MetricsSource, Observed } from '../diagnostics/observed.ts';
import type { TopicFigures } from '../diagnostics/topic-figures.ts';
import { countRefused } from '../diagnostics/refused.ts';
import { addServer, removeServer } from '../diagnostics/sources.ts';
import { EndingOrder } from '../base/ending-order.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';
import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import type { UpgradeRouter } from '../http/upgrade-router.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import { hasCallback } from '../session/call-handler.ts';
import { CALLBACK_NAMES, type CallbackOwner, CallbackQueue, type QueuedEvent } from '../session/callback-queue.ts';
import { type SendOptions, toWire } from '../session/data-type.ts';
import type { SendableMessage } from '../session/message-types.ts';
import { toErrorEvent } from '../session/events.ts';
import { openConnection } from '../session/open-connection.ts';
import { readGuarded } from '../session/option-checks.ts';
import type { SessionSettings } from '../session/session-settings.ts';
import { TOPICS_PROTOCOL } from '../topics/frames.ts';
import { reportError } from '../workers/error-handling.ts';
import { CallScope } from '../workers/call-scope.ts';
import type { WorkerResource } from '../workers/worker.ts';
import { BroadcastForms } from './broadcast-forms.ts';
import type { ServerSettings } from './server-options.ts';
import { ServerSession, type SessionServer } from './server-session.ts';
import type { Readiness, ServerState } from './server-state.ts';
import { type CheckedDrainOptions, type DrainResult, DrainWaves, EndDeadline, type EndingServer } from './shutdown.ts';
import { GivenUpgrades } from './given-upgrades.ts';
import { RefusalReports } from './refusal-reports.ts';
import { SHUTTING_DOWN } from './refusals.ts';
import { type RequestInfo, toRequestInfo } from './request-info.ts';
import { TopicServer } from './topic-server.ts';
import { type AcceptedUpgrade, ServerUpgrades, type UpgradeServer } from './upgrade.ts';

/**
 * The parts of a server.
 *
 * @typeParam Connection - the connections as users see them
 */
export interface ServerCoreOptions<Connection> {
  /** First parameter of the callbacks. */
  readonly subject: object;
  readonly handler: object;
  readonly settings: ServerSettings;
  readonly routers: readonly UpgradeRouter[];
  readonly createConnection: (session: ServerSession, upgrade: AcceptedUpgrade) => Connection;
}

/**
 * Does the work of a `WebSocketServer`: keeps its connections and ends them in order. {@link ServerUpgrades} admits
 * clients.
 *
 * @typeParam Connection - the connections as users see them
 */
export class ServerCore<Connection extends object>
  implements UpgradeServer, SessionServer, CallbackOwner, WorkerResource, EndingServer, MetricsSource
{
  readonly subject: object;
  readonly handler: object;
  readonly scope: CallScope = new CallScope('4D-WebSocketServer', true);
  readonly settings: ServerSettings;
  readonly observed: Observed;
  /** Undefined without the option. */
  readonly topics: TopicServer | undefined;
  readonly maxWaitingEvents: number = Infinity;
  readonly messageGuard: undefined;
  #state: ServerState = 'opening';
  readonly #routers: readonly UpgradeRouter[];
  readonly #createConnection: ServerCoreOptions<Connection>['createConnection'];
  readonly #upgrades: ServerUpgrades;
  readonly #given: GivenUpgrades;
  readonly #sessionSettings: SessionSettings;
  readonly #queue: CallbackQueue;
  readonly #sessions = new Set<ServerSession>();
  /** The value of {@link connections}; undefined after a connection has come or gone. */
  #snapshot: readonly Connection[] | undefined;
  /** How many of these have not run: the server's onOpen and onTerminate, and the onTerminate of each connection. */
  #unfinishedCount = 2;
  /** Connections whose socket is open. */
  #connectionCount = 0;
  /** The order of the connections' onTerminate, while the server ends. */
  #endingOrder: EndingOrder<ServerSession> | undefined;
  readonly #deadline = new EndDeadline(this);
  readonly #reports = new RefusalReports();
  /** The waves in which {@link drain} closes the connections. */
  #waves: DrainWaves | undefined;
  /** Listeners to call when the server has ended; undefined once it has. */
  #endListeners: (() => void)[] | undefined = [];

  constructor({ subject, handler, settings, routers, createConnection }: ServerCoreOptions<Connection>) {
    this.subject = subject;
    this.handler = handler;
    this.settings = settings;
    this.#routers = routers;
    this.#createConnection = createConnection;
    this.observed = new Observed('server', settings.path?.text);
    const { dataType, limits, messageGuard, outgoing, topics } = settings;
    const { scope, observed } = this;
    this.topics = topics && new TopicServer(topics, scope, limits, (error) => this.#onBrokerTrouble(error));
    this.#sessionSettings = { dataType, scope, limits, observed, messageGuard, outgoing };
    this.#upgrades = new ServerUpgrades(this, settings);
    this.#given = new GivenUpgrades(settings, this.#upgrades);
    this.#queue = new CallbackQueue(this, this.scope);
    // The HTTP server may be an object of the user, whose code throws: then nothing owns this server yet.
    const listen = (): void => {
      for (const router of routers) router.add(settings.path, this.#upgrades);
    };
    readGuarded('webServer', listen, 'HTTP');
    this.scope.worker.own(this);
    startDebugLog();
    addServer(this);
    // onOpen runs in a later turn, when the user's variable for the server is set.
    setImmediate(() => this.#queue.push({ type: 'open' }));
  }

  get state(): ServerState {
    return this.#state;
  }

  get readiness(): Readiness {
    switch (this.#state) {
      case 'opening':
        return 'starting';
      case 'open':
        return this.topics?.stats.brokerState === 'down' ? 'broker-down' : 'ready';
      case 'over':
        return 'ended';
      default:
        return 'ending';
    }
  }

  get handshakeTimeoutMs(): number {
    return this.settings.limits.handshakeTimeoutMs;
  }

  /** Whether onTerminate is about to run, or has run. */
  get #isOver(): boolean {
    return this.#state === 'terminating' || this.#state === 'over';
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  /** The open connections in order of arrival. The array is frozen: each arrival and each end makes a new one. */
  get connections(): readonly Connection[] {
    this.#snapshot ??= Object.freeze(Array.from(this.#sessions, ({ subject }) => subject as Connection));
    return this.#snapshot;
  }

  /** Calls `listener` when the server has ended, or at once when it has ended already. */
  onceEnded(listener: () => void): void {
    if (this.#endListeners === undefined) listener();
    else this.#endListeners.push(listener);
  }

  /**
   * Sends a message to all connections.
   *
   * @param except - connections that do not get it
   * @returns the number of connections that it was sent to
   * @throws FourDError `ERR_INVALID_MESSAGE`
   */
  broadcast(message: SendableMessage, except: readonly unknown[], options: SendOptions): number {
    const wire = toWire(message, 'HTTP');
    this.settings.outgoing?.check(wire, this.scope);
    const forms = new BroadcastForms(message, wire);
    const excepted = new Set(except);
    let receiverCount = 0;
    for (const session of this.#sessions) {
      if (excepted.has(session.subject)) continue;
      if (session.sendPrepared(forms.for(session.topics), options) !== 'dropped') receiverCount++;
    }
    return receiverCount;
  }

  /**
   * Takes an upgrade request that the program has received itself.
   *
   * @throws FourDError `ERR_INVALID_ARGUMENT`
   */
  handleUpgrade(request: unknown, socket: unknown, head: unknown): void {
    this.#given.take(request, socket, head);
  }

  // UpgradeServer

  openConnection(upgrade: AcceptedUpgrade): void {
    const { handler, network } = upgrade;
    this.#unfinishedCount++;
    this.#connectionCount++;
    const session = new ServerSession(this, handler, this.#sessionSettings, network);
    session.subject = this.#createConnection(session, upgrade);
    session.identity = upgrade.identity;
    if (upgrade.protocol === TOPICS_PROTOCOL) session.topics = this.topics?.open(session, upgrade.offered);
    else if (upgrade.identity?.user !== undefined) session.topics = this.topics?.openBare(session);
    this.#upgrades.counts.add(network);
    this.#sessions.add(session);
    this.#snapshot = undefined;
    const connection = openConnection(upgrade, 'server', session, this.settings.limits);
    session.open(connection, upgrade.protocol, upgrade.request.remoteAddress);
  }

  onUpgradeFailed(error: FourDError): void {
    this.#onError(withEnding(error, 'handshake', 'invalid'));
  }

  onRefused(refusal: UpgradeRefusal, request: UpgradeRequest, remoteAddress: string): void {
    const { cause } = refusal;
    const isAwaited = this.scope.run(() => {
      countRefused(this.observed, refusal, request, remoteAddress);
      // No callback may run after onTerminate. A getter of the handler is the user's code too.
      return !this.#isOver && hasCallback(this.handler, 'onRefuse');
    });
    // No server hears of a path that is not its own.
    if (!isAwaited || cause === 'path') return;
    const describe = (): RequestInfo => toRequestInfo(request, remoteAddress, this.settings.path);
    const event = this.#reports.report(refusal, cause, describe);
    // onRefuse never runs within a call of the user, such as terminate(), and comes behind an onError of the same client.
    if (event !== undefined) setImmediate(() => this.#queue.push(event));
  }

  // SessionServer

  onSessionEnded(session: ServerSession): void {
    this.#connectionCount--;
    this.#upgrades.counts.remove(session.network);
  }

  onSessionClosed(session: ServerSession): void {
    this.#sessions.delete(session);
    this.#snapshot = undefined;
  }

  onSessionFinished(): void {
    this.#finishOne();
  }

  deliverEnd(session: ServerSession, deliver: () => void): void {
    if (this.#endingOrder === undefined) deliver();
    else this.#endingOrder.add(session, deliver);
  }

  // Ending

  /**
   * Ends the server: refuses new clients, closes the connections, and runs onTerminate when the last one has ended.
   *
   * @remarks A further call with a shorter timeout hastens the end.
   * @param timeoutMs - time for the end: then connections that are left are cut, and callbacks that still run are not
   *   waited for; 0 cuts the connections at once, without a close frame; Infinity waits forever
   * @param cause - the cause that the connections' onTerminate gets
   */
  shutdown(code: number, timeoutMs: number, cause: EndCause = 'shutdown'): void {
    this.#beginEnd();
    for (const session of this.#sessions) {
      if (timeoutMs === 0) session.destroy(cause);
      else session.close(code, '', Infinity, cause);
    }
    if (timeoutMs === 0) this.#deadline.pass(cause);
    else this.#deadline.set(timeoutMs, cause);
    this.#endIfFinished();
  }

  /**
   * Ends the server as {@link shutdown} does, but closes the connections in waves. A second call has no waves of its own.
   *
   * @returns resolves when the server has ended, and its topics have let go of their broker
   */
  async drain(options: CheckedDrainOptions): Promise<DrainResult> {
    const dueMs = monotonicMs() + options.deadlineMs;
    this.#beginEnd();
    this.topics?.drain();
    const sessions = Array.from(this.#sessions);
    const isOver = new Promise<void>((resolve) => this.onceEnded(resolve));
    if (this.#waves === undefined) {
      this.#waves = new DrainWaves(sessions, options);
      this.#waves.start();
    }
    this.#deadline.set(options.deadlineMs, 'shutdown');
    this.#endIfFinished();
    await isOver;
    await this.topics?.closed(Math.max(0, dueMs - monotonicMs()));
    const closed = sessions.filter(({ wasClean, isFinished }) => wasClean && isFinished).length;
    return { closed, dropped: sessions.length - closed };
  }

  onWorkerEnding(): void {
    this.shutdown(CLOSE_GOING_AWAY, Infinity, 'worker');
  }

  onWorkerOverdue(): void {
    this.#deadline.pass('worker');
  }

  /** Refuses clients from now on, also the ones that wait for an answer. */
  #beginEnd(): void {
    if (this.#state === 'opening' || this.#state === 'open') this.#state = 'ending';
    this.#endingOrder ??= new EndingOrder(Array.from(this.#sessions).filter(({ hasEnded }) => !hasEnded));
    this.#upgrades.refuseAll(SHUTTING_DOWN);
  }

  #finishOne(): void {
    this.#unfinishedCount--;
    this.#endIfFinished();
    // The last callback may run after the end: see stopWaiting().
    if (this.#unfinishedCount > 0) return;
    this.scope.worker.disown(this);
    removeServer(this);
    this.scope.end();
  }

  #endIfFinished(): void {
    if (this.#unfinishedCount === 1) this.#terminate();
  }

  #terminate(): void {
    if (this.#state !== 'ending') return;
    this.#state = 'terminating';
    this.topics?.endPrograms();
    // onTerminate never runs within the user's call of terminate().
    setImmediate(() => this.#queue.push({ type: 'terminate' }));
  }

  // EndingServer

  cutConnections(cause: EndCause): void {
    this.#waves?.closeRest();
    for (const session of this.#sessions) session.cut(cause);
  }

  stopWaiting(): void {
    this.#endingOrder?.deliverAll();
    this.#queue.stopWaiting();
    // onTerminate that runs already has had its time, and a worker that is busy will not run it soon.
    const isFinishing = this.#state === 'over' || (!this.scope.worker.isMain && this.scope.worker.isBusy);
    this.#terminate();
    if (isFinishing) this.finish();
  }

  finish(): void {
    if (this.#endListeners === undefined) return;
    this.#state = 'over';
    this.#tell('ended');
    this.#deadline.cancel();
    this.#waves?.stop();
    this.#given.end();
    this.topics?.close();
    // The HTTP servers may be objects of the user.
    this.scope.run(() => {
      for (const router of this.#routers) router.remove(this.settings.path);
    });
    const listeners = this.#endListeners;
    this.#endListeners = undefined;
    for (const listener of listeners) listener();
  }

  #onError(error: FourDError): void {
    // No callback may run after onTerminate.
    const hasListener = !this.#isOver && hasCallback(this.handler, 'onError');
    if (hasListener) this.#queue.push(toErrorEvent(error));
    else reportError(error, this.scope.worker);
  }

  #onBrokerTrouble(error: FourDError): void {
    if (this.#state === 'opening' || this.#state === 'open') this.#onError(error);
  }

  // MetricsSource

  get live(): Iterable<ServerSession> {
    return this.#sessions;
  }

  get pendingHandshakes(): number {
    return this.#upgrades.pendingCount;
  }

  get topicFigures(): TopicFigures | undefined {
    return this.topics?.figures;
  }

  #tell(type: 'opened' | 'ended'): void {
    const { path } = this.observed;
    if (serverChannel.hasSubscribers) this.scope.run(() => serverChannel.publish({ type, path }));
  }

  // CallbackOwner

  get callbackTimes(): CallbackTimes {
    return this.observed.callbackTimes;
  }

  onTimed(_event: QueuedEvent, durationMs: number): void {
    this.callbackTimes.note(durationMs);
  }

  onWaiting(): void {}

  onInvalidMessage(): void {}

  onBeforeCallback(event: QueuedEvent): void {
    if (event.type === 'terminate') this.#state = 'over';
    else if (event.type === 'refuse') this.#reports.onDelivery();
  }

  onAfterCallback(event: QueuedEvent): void {
    if (event.type === 'open') {
      if (this.#state === 'opening') this.#state = 'open';
      // The time of a server may be up before its onOpen is over.
      if (this.#endListeners !== undefined) this.#tell('opened');
      this.#upgrades.decideAll();
      this.#finishOne();
    } else if (event.type === 'terminate') {
      this.finish();
      this.#finishOne();
    }
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown): void {
    reportError(callbackFailed(CALLBACK_NAMES[event.type], thrown), this.scope.worker);
  }

  onQueueFull(): void {}

  onQueueIdle(): void {}
}
