import { setImmediate } from '../base/clock.ts';
import {
  callbackFailed,
  type ComponentSignature,
  type EndCause,
  type EndPhase,
  FourDError,
  textOfThrown,
  withEnding,
} from '../errors.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { Connection, ConnectionListener } from '../connection/connection.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { isReused } from '../protocol/assembly-memory.ts';
import { messageChannel } from '../diagnostics/channels.ts';
import type { CallbackTimes } from '../diagnostics/callback-times.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { generateError, reportError } from '../workers/error-handling.ts';
import type { LiveFigures } from '../diagnostics/observed.ts';
import { hasCallback } from './call-handler.ts';
import {
  CALLBACK_NAMES,
  CallbackQueue,
  type CallbackOwner,
  type MessageGuard,
  type QueuedEvent,
} from './callback-queue.ts';
import { readSendOptions, type SendOptions, toEventData, toSendError, toWire } from './data-type.ts';
import type { DataType, SendableMessage } from './message-types.ts';
import { endingText } from './ending-text.ts';
import type { Status } from './status.ts';
import type { SessionConnection } from './session-connection.ts';
import { type DrainEvent, type OpenEvent, type TerminateEvent, toErrorEvent } from './events.ts';
import * as observing from './observing.ts';
import type { SessionSettings } from './session-settings.ts';

const OPEN_EVENT: OpenEvent = Object.freeze({ type: 'open' });

const DRAIN_EVENT: DrainEvent = Object.freeze({ type: 'drain' });

const SEND_WHILE_CONNECTING = 'cannot send while the status is "Connecting": await ready, or send in onOpen';

let lastId = 0;

/**
 * One connection as its user sees it: status, callbacks in order, data types, sending, the end. `ClientSession` and
 * `ServerSession` add what clients and servers need.
 */
export abstract class Session implements ConnectionListener, CallbackOwner {
  /** Unique in this Node process. */
  readonly id: number = ++lastId;
  readonly handler: object;
  protected readonly settings: SessionSettings;
  protected readonly queue: CallbackQueue;
  /** Undefined before the session is open, and between two connections of a client. */
  protected connection: SessionConnection | undefined;
  #status: Status = 'Connecting';
  /** True when onError has run or is about to run: it runs once at most. */
  #hasFailed = false;
  /** Message of the error that ended the connection. */
  #errorMessage: string | undefined;
  #wasClean = false;
  #progress: 'live' | 'ended' | 'finished' = 'live';
  /** True after a send returned `'queued'`: onDrain is to follow. */
  #isDrainDue = false;
  #drainedResolvers: (() => void)[] | undefined;

  constructor(handler: object, settings: SessionSettings) {
    this.handler = handler;
    this.settings = settings;
    this.queue = new CallbackQueue(this, settings.scope);
  }

  /** The object that callbacks get as their first parameter. */
  abstract get subject(): object;

  /** "HTTP" on the server, "HTCL" on the client. */
  abstract get component(): ComponentSignature;

  get dataType(): DataType {
    return this.settings.dataType;
  }

  get maxWaitingEvents(): number {
    return this.settings.limits.maxWaitingMessages;
  }

  get status(): Status {
    return this.#status;
  }

  protected setStatus(status: Status): void {
    this.#status = status;
  }

  /** Whether the connection is over and ended well. */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  /** Whether the last connection is over. Callbacks may still run, or wait for their turn. */
  get hasEnded(): boolean {
    return this.#progress !== 'live';
  }

  /** Whether onTerminate has run, up to the end of its promise. */
  get isFinished(): boolean {
    return this.#progress === 'finished';
  }

  get bufferedBytes(): number {
    return this.connection?.bufferedBytes ?? 0;
  }

  /** The figures of the open connection; undefined while there is none. */
  get figures(): LiveFigures | undefined {
    return this.hasEnded ? undefined : this.connection;
  }

  /** Takes over a connection whose handshake is complete, and runs onOpen. Reading begins when onOpen is over. */
  open(connection: SessionConnection, protocol = '', remoteAddress?: string): void {
    this.connection = connection;
    connection.start(this);
    this.#status = 'Connected';
    observing.countOpened(this.settings, this.id, protocol, remoteAddress);
    this.announceOpen(OPEN_EVENT);
  }

  /** Sends a message: see the public classes. */
  send(message: SendableMessage, options?: SendOptions): SendStatus {
    if (this.#status !== 'Connected') return this.sendUnconnected(message, options);
    const isPlain = typeof message === 'string' && options === undefined;
    if (isPlain && this.settings.outgoing === undefined) return this.sendWire(message, undefined);
    try {
      return this.sendWire(this.toCheckedWire(message), readSendOptions(options, this.component));
    } catch (thrown) {
      return generateError<SendStatus>(toSendError(thrown, this.component), 'dropped');
    }
  }

  /** Sends a message that other connections send too. Returns `'dropped'` unless the status is Connected. */
  sendPrepared(message: PreparedMessage, options: SendOptions): SendStatus {
    return this.#status === 'Connected' ? this.sendWire(message, options) : 'dropped';
  }

  /** Resolves when nothing waits for the peer any more, or the connection is over. */
  async drained(): Promise<void> {
    // Messages leave at the end of the turn in which they were sent. Only then does the socket tell whether it is
    // blocked.
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.isBlocked || this.#status === 'Closed') return;
    await new Promise<void>((resolve) => {
      this.#drainedResolvers ??= [];
      this.#drainedResolvers.push(resolve);
    });
  }

  ping(): Promise<number | undefined> {
    return this.#status === 'Connected' && this.connection !== undefined
      ? this.connection.ping()
      : Promise.resolve(undefined);
  }

  /** Begins the closing handshake. onMessage does not run any more. */
  close(code: number, reason: string, timeoutMs: number = this.settings.limits.closeTimeoutMs, cause?: EndCause): void {
    if (this.#status === 'Closed') return;
    this.#status = 'Closing';
    this.queue.mute();
    this.connection?.close(code, reason, timeoutMs, cause);
  }

  /** Ends the connection without a close frame. */
  destroy(cause?: EndCause): void {
    if (this.#status === 'Closed') return;
    this.#status = 'Closing';
    this.queue.mute();
    this.connection?.destroy(cause);
  }

  /** Ends the connection, which is closing, because the time for its end is over. */
  cut(cause: EndCause): void {
    if (!this.hasEnded) this.connection?.cut(cause);
  }

  // ConnectionListener

  runReading(receive: (connection: Connection, chunk: Buffer) => void, connection: Connection, chunk: Buffer): void {
    this.queue.pushAll(receive, connection, chunk);
  }

  onMessage(data: string | Buffer, isText: boolean): void {
    this.noteReceived(data, isText);
    let value: unknown = data;
    if (this.dataType !== 'text' || typeof data !== 'string') {
      try {
        value = toEventData(this.dataType, data, isText, this.component);
      } catch (error) {
        this.connection?.fail(error as FourDError);
        return;
      }
    }
    this.queue.push({ type: 'message', data: value, isBinary: !isText });
  }

  onWritable(): void {
    if (this.isBlocked) return;
    this.resolveDrained();
    // Nothing can be sent on a connection that is ending, and onError may have run.
    if (!this.#isDrainDue || this.#status !== 'Connected') return;
    this.#isDrainDue = false;
    observing.tellWritable(this.settings, this.id);
    // A getter of the handler is the user's code too.
    const isAwaited = this.settings.scope.run(() => hasCallback(this.handler, 'onDrain'));
    if (isAwaited) this.queue.push(DRAIN_EVENT);
  }

  onDropped(): void {
    observing.countDropped(this.settings, this.id);
  }

  onClosing(): void {
    this.#status = 'Closing';
  }

  onError(error: FourDError): void {
    // The user's shouldReconnect has seen the error, and may have changed it: to read it may run code of the user.
    const event = this.settings.scope.run(() => {
      this.#errorMessage = textOfThrown(error);
      return toErrorEvent(error);
    });
    // onError has run for a callback that failed while the connection was closing. Now the closing handshake fails too.
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.queue.push(event);
  }

  onTerminated(ending: Ending): void {
    this.#status = 'Closing';
    this.#progress = 'ended';
    this.#wasClean = ending.wasClean;
    this.noteEnded(ending);
    this.resolveDrained();
    const event = this.toTerminateEvent(ending);
    this.deliverEnd(() => this.queue.push(event));
  }

  // CallbackOwner

  get messageGuard(): MessageGuard | undefined {
    return this.settings.messageGuard;
  }

  get callbackTimes(): CallbackTimes {
    return this.settings.observed.callbackTimes;
  }

  onTimed(event: QueuedEvent, durationMs: number): void {
    observing.noteCallbackTime(this.settings, this.id, CALLBACK_NAMES[event.type], durationMs);
  }

  onWaiting(event: QueuedEvent): void {
    if (event.type !== 'message' || !Buffer.isBuffer(event.data) || !isReused(event.data)) return;
    // The bytes are lent for the time of this call only.
    (event as { data: unknown }).data = Buffer.from(event.data);
  }

  onBeforeCallback(event: QueuedEvent): void {
    if (event.type !== 'terminate') return;
    this.#status = 'Closed';
    this.onClosed();
  }

  onAfterCallback(event: QueuedEvent): void {
    if (event.type === 'open') {
      this.onOpened();
      this.startReading();
    } else if (event.type === 'terminate') {
      this.#progress = 'finished';
      this.onFinished();
    }
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown, where: string = CALLBACK_NAMES[event.type]): void {
    this.failCallback(event, callbackFailed(where, thrown));
  }

  onInvalidMessage(error: FourDError): void {
    this.queue.dropMessages();
    if (this.connection?.fail(error) === true || this.#hasFailed) return;
    // The peer has closed the connection behind the message.
    this.#hasFailed = true;
    this.queue.pushNext(toErrorEvent(withEnding(error, this.failurePhase, 'protocol')));
  }

  onQueueFull(): void {
    this.connection?.pause();
  }

  onQueueIdle(): void {
    this.connection?.resume();
  }

  // Hooks of ClientSession and ServerSession, in the order in which they are called.

  /** Delivers onOpen. */
  protected announceOpen(event: OpenEvent): void {
    this.queue.push(event);
  }

  /** onOpen has run, or has failed. */
  protected onOpened(): void {}

  /** Starts reading when the queue is idle: messages that arrived with the handshake wait for onOpen. */
  protected startReading(): void {
    // An invalid frame behind those messages must not end the connection before their callbacks could answer.
    this.queue.notifyWhenIdle();
  }

  /** The phase of a session that is not open, for the error of a callback that failed. */
  protected get failurePhase(): EndPhase {
    return 'closing';
  }

  /** The session is over: onTerminate is to follow. */
  protected noteEnded(ending: Ending): void {
    if (this.connection !== undefined) observing.countEnded(this.settings, this.id, ending);
  }

  /** Delivers the terminate event, when it is the turn of this session. */
  protected deliverEnd(deliver: () => void): void {
    deliver();
  }

  /** The connection is over, onTerminate about to run. */
  protected onClosed(): void {}

  /** onTerminate has run. */
  protected onFinished(): void {}

  // For ClientSession and ServerSession to use.

  /** Whether messages wait for the peer, or for a connection. */
  protected get isBlocked(): boolean {
    return this.connection?.isBlocked === true;
  }

  protected sendUnconnected(_message: SendableMessage, _options: SendOptions | undefined): SendStatus {
    if (this.#status === 'Connecting') this.generateMisuse('ERR_NOT_CONNECTED', SEND_WHILE_CONNECTING);
    return observing.countSend(this.settings, this.id, 'dropped', undefined);
  }

  protected noteReceived(data: string | Buffer, isText: boolean): void {
    this.settings.observed.messagesReceived++;
    if (messageChannel.hasSubscribers) observing.tellReceived(this.settings, this.id, data, isText);
  }

  /** Remembers whether onDrain is to follow. Returns the status. */
  protected noteSent(status: SendStatus): SendStatus {
    if (status !== 'queued' || this.#isDrainDue) return status;
    this.#isDrainDue = true;
    if (this.connection !== undefined) observing.countBlocked(this.settings, this.id, this.connection.bufferedBytes);
    return status;
  }

  protected resolveDrained(): void {
    const resolvers = this.#drainedResolvers;
    this.#drainedResolvers = undefined;
    for (const resolve of resolvers ?? []) resolve();
  }

  protected noteFailure(message: string): void {
    this.#errorMessage = message;
  }

  protected toTerminateEvent(ending: Ending): TerminateEvent {
    const { error: _, ...facts } = ending;
    return { type: 'terminate', ...facts, message: this.#errorMessage ?? endingText(ending) };
  }

  /** Ends the session because a callback threw or rejected. */
  protected failCallback(event: QueuedEvent, error: FourDError): void {
    this.queue.mute();
    // After a close frame of either side the closing handshake goes on, with the code of that frame.
    let isOnErrorDue = this.#status === 'Connected' && this.connection?.fail(error) === true;
    // onTerminate is still to come, and onError before it.
    if (!isOnErrorDue && !this.#hasFailed && event.type !== 'error' && event.type !== 'terminate') {
      this.#hasFailed = true;
      this.queue.pushNext(toErrorEvent(withEnding(error, this.failurePhase, 'callback')));
      isOnErrorDue = true;
    }
    // An error that no onError receives is reported: a mistake in user code must not go unnoticed.
    if (!isOnErrorDue || !hasCallback(this.handler, 'onError')) reportError(error, this.settings.scope.worker);
  }

  protected generateMisuse(code: 'ERR_NOT_CONNECTED' | 'ERR_INVALID_EXPIRY', message: string): void {
    generateError(new FourDError(code, message, { componentSignature: this.component }), undefined);
  }

  /** Converts a message for the wire. @throws FourDError `ERR_INVALID_MESSAGE`, also when code of the message throws */
  protected toCheckedWire(message: SendableMessage): string | Buffer {
    const wire = toWire(message, this.component);
    this.settings.outgoing?.check(wire, this.settings.scope);
    return wire;
  }

  protected sendWire(wire: string | Buffer | PreparedMessage, options: SendOptions | undefined): SendStatus {
    const connection = this.connection as SessionConnection;
    const status = connection.send(wire, options?.compress, options?.droppable);
    return this.noteSent(observing.countSend(this.settings, this.id, status, wire));
  }
}
