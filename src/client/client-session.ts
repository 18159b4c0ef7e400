import { setImmediate } from '../base/clock.ts';
import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import type { Leftovers } from '../connection/handover.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { BacklogMessage } from '../connection/send-backlog.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { CLOSE_ABNORMAL, CLOSE_GOING_AWAY, CLOSE_NORMAL } from '../protocol/constants.ts';
import type { QueuedEvent } from '../session/callback-queue.ts';
import { readSendOptions, type SendOptions, toSendError } from '../session/data-type.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { OpenEvent, ReconnectEvent, TerminateEvent } from '../session/events.ts';
import type { SessionSettings } from '../session/session-settings.ts';
import { Session } from '../session/session.ts';
import { generateError } from '../workers/error-handling.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { type ClientChannelMessage, clientChannel } from '../diagnostics/channels.ts';
import { clients } from '../diagnostics/sources.ts';
import { countEnded, countSend } from '../session/observing.ts';
import type { WorkerResource } from '../workers/worker.ts';
import { type NextAttempt, NO_FIGURES, type Reconnector } from './reconnector.ts';

/** How long the server has to answer the close frame of `reconnect()`: whoever calls it may have lost the network. */
const RECONNECT_CLOSE_TIMEOUT_MS = 1000;

/** Opens the connections of a client, and is notified of the life of its session. */
export interface ClientSessionOwner {
  /** The object that callbacks get as their first parameter. */
  readonly subject: object;
  /** The phase of connecting, while there is no connection. */
  readonly connectPhase: EndPhase;
  /** Gives up connecting, because the worker ended or a callback failed while there is no connection. */
  giveUpConnecting(cause: EndCause): void;
  /** The first callback of the session, onOpen or onReconnect, has run, or has failed. */
  onOpened(): void;
  /** onTerminate has run. */
  onFinished(): void;
}

/**
 * The {@link Session} of a client: waits for its connection, and with the option `reconnect` goes on with the next
 * connection when one is lost. Messages that are sent without a connection wait in the {@link Reconnector}.
 *
 * @remarks A session ends with onTerminate. A client that connects again after that has a new session.
 */
export class ClientSession extends Session implements WorkerResource {
  readonly #owner: ClientSessionOwner;
  /** Undefined without the option `reconnect`. */
  readonly #reconnector: Reconnector | undefined;
  /** Whether onOpen ran in an earlier session: then all connections of this one are announced by onReconnect. */
  readonly #isLater: boolean;
  #hasConnected = false;
  /** How many calls of onOpen and onReconnect are waiting or running. */
  #openCallbackCount = 0;
  /** True while queued messages are being sent: a new message then goes behind them. */
  #isSendingQueue = false;
  /** The error of a lost connection, kept until it is decided whether the client reconnects. */
  #lossError: FourDError | undefined;

  constructor(
    owner: ClientSessionOwner,
    handler: object,
    settings: SessionSettings,
    reconnector: Reconnector | undefined,
    isLater = false,
  ) {
    super(handler, settings);
    this.#isLater = isLater;
    this.#owner = owner;
    this.#reconnector = reconnector;
    settings.scope.worker.own(this);
  }

  get subject(): object {
    return this.#owner.subject;
  }

  get component(): 'HTCL' {
    return 'HTCL';
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + (this.#reconnector?.queuedBytes ?? 0);
  }

  protected override get isBlocked(): boolean {
    return super.isBlocked || (this.#reconnector?.queuedCount ?? 0) > 0;
  }

  /** Number of the present attempt to connect again, 0 for the first of a life. */
  get attempt(): number {
    return this.#reconnector?.attempt ?? 0;
  }

  /** Whether the next attempt to connect is due later. */
  protected get isWaiting(): boolean {
    return this.#reconnector?.isWaiting === true;
  }

  // Without a connection

  /** Ends a session that has no connection, because of an error. */
  failToOpen(error: FourDError, cause: EndCause, phase: EndPhase): void {
    this.stayClosed();
    this.setStatus('Closing');
    this.onError(error);
    this.onTerminated(notConnected(cause, phase));
  }

  /** Ends a session that has no connection without an error. onTerminate runs in a later turn, not within the call. */
  giveUp(cause: EndCause, phase: EndPhase): void {
    this.stayClosed();
    this.setStatus('Closing');
    setImmediate(() => this.onTerminated(notConnected(cause, phase)));
  }

  /** Ends a session that never had a connection, without a callback. */
  cancel(ending: Pick<Ending, 'cause' | 'phase'>): void {
    this.stayClosed();
    this.setStatus('Closed');
    this.#tellEnded(ending);
    this.settings.scope.worker.disown(this);
  }

  /** Asks for another attempt after one has failed. Returns whether there will be one. */
  retryAfterFailure(error: FourDError, cause: EndCause, phase: EndPhase): boolean {
    const next = this.#reconnector?.reconnectAfterFailure(error, cause, phase);
    if (next === undefined) return false;
    this.#announceLoss(cause, next);
    return true;
  }

  /**
   * Connects again now: ends the present connection, or the wait for the next one. The owner ends an attempt that is
   * under way.
   *
   * @returns false when this session is about to end, or has ended
   */
  reconnectNow(): boolean {
    const { connection } = this;
    if (this.#reconnector?.isOver !== false || this.hasEnded) return false;
    this.#reconnector.attemptNow(connection !== undefined);
    if (connection === undefined) return true;
    this.setStatus('Closing');
    const timeoutMs = Math.min(RECONNECT_CLOSE_TIMEOUT_MS, this.settings.limits.closeTimeoutMs);
    connection.close(CLOSE_NORMAL, '', timeoutMs, 'local');
    return true;
  }

  /** Creates the session of the same client for its life after the end of this one. */
  createSuccessor(scope: CallScope, reconnector: Reconnector | undefined, hasConnected: boolean): ClientSession {
    const { handler, settings } = this;
    return this.createNext(this.#owner, handler, { ...settings, scope }, reconnector, hasConnected);
  }

  protected createNext(...args: ConstructorParameters<typeof ClientSession>): ClientSession {
    return new ClientSession(...args);
  }

  get isWorkerEnding(): boolean {
    return this.settings.scope.worker.isEnding;
  }

  /** Turns reconnecting off: the present connection is the last one. */
  stayClosed(): void {
    this.#reconnector?.end();
  }

  onWorkerEnding(): void {
    if (this.connection === undefined) this.#owner.giveUpConnecting('worker');
    else this.close(CLOSE_GOING_AWAY, '', Infinity, 'worker');
    if (this.status === 'Closing' && !this.hasEnded) this.settings.scope.worker.endingOrder?.expect(this);
  }

  onWorkerOverdue(): void {
    this.cut('worker');
  }

  // Opening the first connection and each later one

  protected override announceOpen(event: OpenEvent): void {
    clients.live.add(this);
    this.#openCallbackCount++;
    const isFirst = !this.#hasConnected;
    this.#hasConnected = true;
    const announced = isFirst && !this.#isLater ? event : this.#toReconnectEvent();
    if (isFirst) this.queue.pushFirst(announced);
    else this.queue.push(announced);
  }

  #toReconnectEvent(): ReconnectEvent {
    const { attempt = 0, lostUncertainCount = 0 } = this.#reconnector ?? {};
    return { type: 'reconnect', attempt, uncertainMessages: lostUncertainCount };
  }

  override onAfterCallback(event: QueuedEvent): void {
    if (event.type === 'reconnect') {
      this.onOpened();
      this.startReading();
    } else super.onAfterCallback(event);
  }

  protected override onOpened(): void {
    this.#owner.onOpened();
  }

  protected override startReading(): void {
    // The connection was lost while its callback ran: the callback of the next connection starts reading.
    if (--this.#openCallbackCount > 0) return;
    if (this.#reconnector !== undefined) this.onWritable();
    super.startReading();
  }

  // Sending

  override send(message: SendableMessage, options?: SendOptions): SendStatus {
    return this.#isSendingQueue ? this.sendUnconnected(message, options) : super.send(message, options);
  }

  protected override sendUnconnected(message: SendableMessage, options: SendOptions | undefined): SendStatus {
    if (this.#reconnector?.isOver !== false) return super.sendUnconnected(message, options);
    try {
      const read = readSendOptions(options, this.component);
      const wire = this.toCheckedWire(message);
      const status = this.#reconnector.enqueue(wire, read);
      // A message that waits for a connection counts when that one sends it.
      return this.noteSent(status === 'dropped' ? countSend(this.settings, this.id, status, wire) : status);
    } catch (thrown) {
      return generateError<SendStatus>(toSendError(thrown, this.component), 'dropped');
    }
  }

  override onWritable(): void {
    this.#sendQueued();
    super.onWritable();
  }

  /** Sends the queued messages until the connection is blocked. */
  #sendQueued(): void {
    const reconnector = this.#reconnector;
    const { connection } = this;
    if (reconnector === undefined || connection === undefined) return;
    if (this.status !== 'Connected' || this.#openCallbackCount > 0) return;
    while (!connection.isBlocked) {
      const message = reconnector.shift();
      if (message === undefined) break;
      const status = connection.send(this.toOutgoing(message.data), message.compress);
      if (status !== 'dropped') {
        countSend(this.settings, this.id, status, message.data);
        continue;
      }
      // The connection has just failed. The message waits for the next one.
      reconnector.putBack(message);
      break;
    }
    this.#isSendingQueue = reconnector.queuedCount > 0;
  }

  /** Returns a message that has waited for a connection as the present connection sends it. */
  protected toOutgoing(data: BacklogMessage['data']): BacklogMessage['data'] {
    return data;
  }

  // The end of a connection

  override close(code: number, reason: string, timeoutMs?: number, cause?: EndCause): void {
    this.stayClosed();
    super.close(code, reason, timeoutMs, cause);
  }

  override destroy(cause?: EndCause): void {
    this.stayClosed();
    super.destroy(cause);
  }

  override onError(error: FourDError): void {
    // Whether the error ends the session is decided in onTerminated.
    if (this.#reconnector?.isOver === false && error.endCause !== 'callback') this.#lossError = error;
    else super.onError(error);
  }

  override onInvalidMessage(error: FourDError): void {
    // The connection that brought the message was lost while the message waited, and onReconnect waits behind it.
    if (this.connection === undefined || this.#openCallbackCount > 0) this.queue.dropMessages();
    else super.onInvalidMessage(error);
  }

  override onTerminated(ending: Ending, leftovers?: Leftovers): void {
    this.setStatus('Closing');
    const lossError = this.#lossError;
    this.#lossError = undefined;
    if (leftovers !== undefined) this.#reconnector?.takeOver(leftovers);
    const next = this.#reconnector?.reconnectAfterLoss(ending, lossError);
    if (next !== undefined) {
      this.#reconnector?.addFigures(ending);
      this.#isSendingQueue = false;
      this.connection = undefined;
      countEnded(this.settings, this.id, ending);
      this.setStatus('Connecting');
      if (!this.isBlocked) this.resolveDrained();
      this.#announceLoss(ending.cause, next);
      return;
    }
    if (lossError !== undefined) super.onError(lossError);
    super.onTerminated(ending);
  }

  /**
   * Delivers onDisconnect. Nothing is lost before the first connection of a session; a callback in front of onOpen
   * could also make it wait behind a message of its worker that waits for the client.
   */
  #announceLoss(cause: EndCause, { attempt, delayMs }: NextAttempt): void {
    const { id } = this;
    if (clientChannel.hasSubscribers) this.#tell({ type: 'reconnecting', id, cause, attempt, delayMs });
    if (this.#hasConnected) this.queue.push({ type: 'disconnect', cause, attempt, delayMs });
  }

  // The end of the session

  protected override noteEnded(ending: Ending): void {
    super.noteEnded(ending);
    this.#tellEnded(ending);
  }

  #tellEnded({ cause, phase }: Pick<Ending, 'cause' | 'phase'>): void {
    clients.live.delete(this);
    if (clientChannel.hasSubscribers) this.#tell({ type: 'ended', id: this.id, cause, phase });
  }

  #tell(message: ClientChannelMessage): void {
    this.settings.scope.run(() => clientChannel.publish(message));
  }

  protected override deliverEnd(deliver: () => void): void {
    const { endingOrder } = this.settings.scope.worker;
    if (endingOrder === undefined) deliver();
    else endingOrder.add(this, deliver);
  }

  protected override get failurePhase(): EndPhase {
    return this.connection === undefined ? this.#owner.connectPhase : super.failurePhase;
  }

  protected override failCallback(event: QueuedEvent, error: FourDError): void {
    this.stayClosed();
    super.failCallback(event, error);
    // While the client waits for its next connection, there is no connection that could end the session.
    if (this.connection === undefined && this.status === 'Connecting') {
      this.noteFailure(error.message);
      this.#owner.giveUpConnecting('callback');
    }
  }

  protected override toTerminateEvent(ending: Ending): TerminateEvent {
    const event = super.toTerminateEvent(ending);
    const reconnector = this.#reconnector;
    if (reconnector === undefined) return event;
    const { stopReason, attempt, uncertainCount } = reconnector;
    return {
      ...event,
      message: stopReason === undefined ? event.message : `${event.message}; ${stopReason}`,
      ...reconnector.addFigures(ending),
      reconnectAttempts: attempt,
      unsentMessages: reconnector.takeUnsent(),
      uncertainMessages: uncertainCount,
    };
  }

  protected override onFinished(): void {
    this.settings.scope.worker.disown(this);
    this.#owner.onFinished();
  }
}

/** Builds the ending of a session that has no connection. */
function notConnected(cause: EndCause, phase: EndPhase): Ending {
  return { code: CLOSE_ABNORMAL, reason: undefined, wasClean: false, cause, phase, ...NO_FIGURES };
}
