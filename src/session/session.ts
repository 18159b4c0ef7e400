import {
  callbackFailed,
  type ComponentSignature,
  type EndCause,
  type EndPhase,
  FourDError,
  withEnding,
} from '../errors.ts';
import { generateError, reportError } from '../workers/error-handling.ts';
import type { Worker, WorkerResource } from '../workers/worker.ts';
import { CLOSE_ABNORMAL, CLOSE_GOING_AWAY, CLOSE_UNAUTHORIZED, type Role } from '../protocol/constants.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import type { Compression } from '../protocol/compression.ts';
import type { Ending } from '../connection/closing-state.ts';
import { Connection, type ConnectionListener, type ConnectionOptions, type SendStatus } from '../connection/connection.ts';
import type { Transport } from '../transport/transport.ts';
import { CALLBACK_NAMES, CallbackQueue, type CallbackOwner, type QueuedEvent } from './callback-queue.ts';
import { type DataType, type SendableMessage, type SendOptions, toEventData, toWire } from './data-type.ts';
import { endingText } from './ending-text.ts';
import type { DrainEvent, ErrorEvent, OpenEvent, TerminateEvent } from './events.ts';
import { type Expirable, Expiry } from './expiry.ts';
import { hasCallback } from './call-handler.ts';
import type { CheckedOptions } from './common-options.ts';
import { NO_FIGURES, type Reconnector } from '../client/reconnector.ts';
import type { Status } from './status.ts';

/** How long the peers of a killed worker have to answer, in milliseconds. */
export const WORKER_END_TIMEOUT_MS = 2000;

const OPEN_EVENT: OpenEvent = Object.freeze({ type: 'open' });

const DRAIN_EVENT: DrainEvent = Object.freeze({ type: 'drain' });

/**
 * Options of drivers by the limits they come from, or by their compression: connections of a server share one object,
 * and so do clients with the same limits, unless they have a compression of their own.
 */
const sharedOptions = new WeakMap<CheckedOptions | Compression, ConnectionOptions>();

let lastId = 0;

/** What a session is part of, and reports to. */
export interface SessionOwner {
  /** The object that callbacks get as their first parameter. */
  readonly subject: object;
  /** How far connecting has come, while there is no connection. */
  readonly connectPhase?: EndPhase;
  /** The process ends, or a callback fails, while there is no connection. */
  onAborted?(cause: EndCause): void;
  /** Takes over when onTerminate is to run, to bring several into order. */
  deferEnd?(deliver: () => void): void;
  /** onOpen has run, well or not. */
  onOpened?(): void;
  /** The connection is over, onTerminate about to run. */
  onClosed?(): void;
  /** onTerminate has run. */
  onFinished?(): void;
}

/** What a session needs to know: one object for all connections of a server. */
export interface SessionSettings {
  readonly role: Role;
  readonly dataType: DataType;
  readonly worker: Worker;
  readonly limits: CheckedOptions;
  /** Only of a client that connects again. */
  readonly reconnector?: Reconnector | undefined;
}

/**
 * One connection as its user sees it, client or server: status, callbacks in order, data types, sending, the end.
 *
 * @remarks `WebSocket` and `WebSocketConnection` are the two public faces of it.
 */
export class Session implements ConnectionListener, CallbackOwner, WorkerResource, Expirable {
  /** Unique in this process. */
  readonly id: number = ++lastId;
  readonly handler: object;
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  readonly #queue: CallbackQueue;
  #connection: Connection | undefined;
  #status: Status = 'Connecting';
  /** onError has run or is about to: it does so once. */
  #hasFailed = false;
  /** Message of the error that ended the connection. */
  #failure: string | undefined;
  #wasClean = false;
  /** A send said `'queued'`: onDrain is to follow. */
  #hasQueued = false;
  #waitingForDrain: (() => void)[] | undefined;
  #expiry: Expiry | undefined;
  /** Calls of onOpen and onReconnect that are not over. */
  #openings = 0;

  constructor(owner: SessionOwner, handler: object, settings: SessionSettings) {
    this.#owner = owner;
    this.handler = handler;
    this.#settings = settings;
    this.#queue = new CallbackQueue(this, settings.worker);
    // A server ends its connections when its process ends it.
    if (settings.role === 'client') settings.worker.own(this);
  }

  get subject(): object {
    return this.#owner.subject;
  }

  get dataType(): DataType {
    return this.#settings.dataType;
  }

  get maxWaitingEvents(): number {
    return this.#settings.limits.maxWaitingMessages;
  }

  get status(): Status {
    return this.#status;
  }

  /** Whether the connection is over and ended well. */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  get bufferedBytes(): number {
    return (this.#connection?.bufferedBytes ?? 0) + (this.#reconnector?.heldBytes ?? 0);
  }

  /** "HTTP" on the server, "HTCL" on the client. */
  get component(): ComponentSignature {
    return this.#settings.role === 'server' ? 'HTTP' : 'HTCL';
  }

  /**
   * Takes over a transport whose handshake is complete, and runs onOpen. Nothing is read before that is over.
   *
   * @param head - bytes of the peer that came with the handshake
   * @param answer - the rest of the handshake, to be written first
   * @param compression - what was agreed on, undefined for none
   */
  open(transport: Transport, head: Buffer, answer: string, compression: Compression | undefined): void {
    this.#connection = new Connection(transport, head, this, this.#connectionOptions(compression));
    if (answer !== '') this.#connection.writeHead(answer);
    this.#status = 'Connected';
    this.#openings++;
    const { role, reconnector } = this.#settings;
    if (reconnector?.hasConnected === true) this.#queue.push({ type: 'reconnect', attempt: reconnector.attempt });
    else {
      if (reconnector !== undefined) reconnector.hasConnected = true;
      if (role === 'client') this.#queue.pushFirst(OPEN_EVENT);
      else this.#queue.push(OPEN_EVENT);
    }
  }

  /** Ends a session that has no transport. */
  failToOpen(error: FourDError): void {
    this.#reconnector?.end();
    this.#status = 'Closing';
    this.onError(error);
    this.onTerminated(notConnected(error.endCause ?? 'connect', error.phase ?? 'connecting'));
  }

  /** Ends a session that has no transport because its user wants so: not within the user's call. */
  giveUp(cause: EndCause, phase: EndPhase): void {
    this.#reconnector?.end();
    this.#status = 'Closing';
    setImmediate(() => this.onTerminated(notConnected(cause, phase)));
  }

  /** Ends a session that never had a transport and whose handler is to hear nothing. */
  cancel(): void {
    this.#reconnector?.end();
    this.#status = 'Closed';
    this.#settings.worker.disown(this);
  }

  /** Sends a message: see the public classes. */
  send(message: SendableMessage, options?: SendOptions): SendStatus {
    if (this.#status !== 'Connected' || this.#reconnector?.isReleasing === true)
      return this.#sendLater(message, options);
    if (typeof message === 'string') return this.#sendWire(message, options);
    try {
      return this.#sendWire(toWire(message, this.component), options);
    } catch (error) {
      return generateError<SendStatus>(error as FourDError, 'dropped');
    }
  }

  /** Sends a message that other connections send too. Does nothing unless Connected. */
  sendPrepared(message: PreparedMessage, options: SendOptions): SendStatus {
    return this.#status === 'Connected' ? this.#sendWire(message, options) : 'dropped';
  }

  /** Resolves when the peer has taken what waits for it, or the connection is over. */
  async drained(): Promise<void> {
    // What was sent in this turn leaves at its end: only then does it show whether the peer takes it.
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.#isBlocked || this.#status === 'Closed') return;
    await new Promise<void>((resolve) => {
      this.#waitingForDrain ??= [];
      this.#waitingForDrain.push(resolve);
    });
  }

  /** When the connection ends by itself, in milliseconds since 1970; undefined for never. */
  get expiresAt(): number | undefined {
    return this.#expiry?.at;
  }

  setExpiry(moment: unknown): void {
    const at = moment instanceof Date ? moment.getTime() : moment;
    if (at !== undefined && !Number.isFinite(at)) {
      this.#generate(
        'ERR_INVALID_EXPIRY',
        'invalid expiresAt: it must be a valid Date, a number of milliseconds since 1970, or undefined',
      );
      return;
    }
    if (this.#status !== 'Connected') return;
    this.#expiry?.cancel();
    this.#expiry = at === undefined ? undefined : new Expiry(this, at as number);
  }

  // Expirable

  expire(): void {
    if (this.#status === 'Connected') {
      this.close(CLOSE_UNAUTHORIZED, 'session expired', this.#settings.limits.closeTimeoutMs, 'expired');
    }
  }

  /** Makes this connection the last one: its user ends it while it is closing already. */
  stayClosed(): void {
    this.#reconnector?.end();
  }

  /** Begins the closing handshake. No onMessage runs any more. */
  close(
    code: number,
    reason: string,
    timeoutMs: number = this.#settings.limits.closeTimeoutMs,
    cause?: EndCause,
  ): void {
    if (this.#status === 'Closed') return;
    this.#reconnector?.end();
    this.#status = 'Closing';
    this.#queue.mute();
    this.#connection?.close(code, reason, timeoutMs, cause);
  }

  /** Ends the connection without a close frame. */
  destroy(cause?: EndCause): void {
    if (this.#status === 'Closed') return;
    this.#reconnector?.end();
    this.#status = 'Closing';
    this.#queue.mute();
    this.#connection?.destroy(cause);
  }

  // WorkerResource

  onWorkerEnding(): void {
    if (this.#connection === undefined) this.#owner.onAborted?.('worker');
    else this.close(CLOSE_GOING_AWAY, '', WORKER_END_TIMEOUT_MS, 'worker');
  }

  // ConnectionListener

  onMessage(data: string | Buffer, isText: boolean): void {
    let value: unknown = data;
    if (this.dataType !== 'text' || typeof data !== 'string') {
      try {
        value = toEventData(this.dataType, data, isText, this.component);
      } catch (error) {
        this.#connection?.fail(error as FourDError);
        return;
      }
    }
    this.#queue.push({ type: 'message', data: value });
  }

  onWritable(): void {
    this.#releaseHeld();
    if (this.#isBlocked) return;
    this.#resolveDrained();
    // To a connection that is ending nothing can be sent any more, and onError may have run.
    if (!this.#hasQueued || this.#status !== 'Connected') return;
    this.#hasQueued = false;
    if (hasCallback(this.handler, 'onDrain')) this.#queue.push(DRAIN_EVENT);
  }

  onClosing(): void {
    this.#status = 'Closing';
  }

  onError(error: FourDError): void {
    // Whether it is the end shows when the connection is over.
    const reconnector = this.#reconnector;
    if (reconnector?.isOver === false && error.endCause !== 'callback') reconnector.lostBy = error;
    else this.#tellError(error);
  }

  onTerminated(ending: Ending): void {
    this.#status = 'Closing';
    const reconnector = this.#reconnector;
    const lostBy = reconnector?.lostBy;
    if (reconnector !== undefined) reconnector.lostBy = undefined;
    if (reconnector?.takesOver(ending, lostBy) === true) {
      reconnector.addFigures(ending);
      reconnector.isReleasing = false;
      this.#connection = undefined;
      this.#status = 'Connecting';
      if (!this.#isBlocked) this.#resolveDrained();
      return;
    }
    if (lostBy !== undefined) this.#tellError(lostBy);
    this.#wasClean = ending.wasClean;
    this.#resolveDrained();
    this.#expiry?.cancel();
    const event: QueuedEvent = {
      type: 'terminate',
      ...ending,
      message: this.#describe(ending),
      ...this.#sumUp(ending),
    };
    const deliver = (): void => this.#queue.push(event);
    if (this.#owner.deferEnd === undefined) deliver();
    else this.#owner.deferEnd(deliver);
  }

  // CallbackOwner

  onBeforeCallback(event: QueuedEvent): void {
    if (event.type !== 'terminate') return;
    this.#status = 'Closed';
    this.#owner.onClosed?.();
  }

  onAfterCallback(event: QueuedEvent): void {
    if (event.type === 'open' || event.type === 'reconnect') {
      if (event.type === 'open') this.#owner.onOpened?.();
      // Not when the connection was lost meanwhile: the next one has a callback of its own.
      if (--this.#openings > 0) return;
      if (this.#reconnector !== undefined) this.onWritable();
      // Reading begins when the queue is idle, not now: of what came with the handshake, messages would otherwise wait,
      // and a mistake behind them would end the connection before their callbacks could answer.
      this.#queue.notifyWhenIdle();
    } else if (event.type === 'terminate') {
      this.#settings.worker.disown(this);
      this.#owner.onFinished?.();
    }
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown): void {
    const name = CALLBACK_NAMES[event.type];
    const error = callbackFailed(name, thrown);
    this.#queue.mute();
    this.#reconnector?.end();
    // A close frame that has left, ours or the peer's, keeps its code: the closing handshake goes on.
    let isTold = this.#status === 'Connected' && this.#connection?.fail(error) === true;
    // Then onTerminate is still to come, and onError before.
    if (!isTold && !this.#hasFailed && event.type !== 'error' && event.type !== 'terminate') {
      this.#hasFailed = true;
      const phase = this.#connection === undefined ? this.#owner.connectPhase : 'closing';
      this.#queue.pushNext(toErrorEvent(withEnding(error, phase ?? 'preparing', 'callback')));
      isTold = true;
    }
    // A client that waits for its next connection.
    if (this.#connection === undefined && this.#status === 'Connecting') {
      this.#failure = error.message;
      this.#owner.onAborted?.('callback');
    }
    // Nobody else would hear of it: a mistake in user code must not pass in silence.
    if (!isTold || !hasCallback(this.handler, 'onError')) reportError(error, this.#settings.worker);
  }

  onQueueFull(): void {
    this.#connection?.pause();
  }

  onQueueIdle(): void {
    this.#connection?.resume();
  }

  #connectionOptions(compression: Compression | undefined): ConnectionOptions {
    const { limits, role, dataType } = this.#settings;
    const decodesText = dataType !== 'blob';
    const known = sharedOptions.get(compression ?? limits);
    // Clients that share their limits may want different types of data.
    if (known?.decodesText === decodesText && known.role === role) return known;
    const options = { ...limits, role, decodesText, compression };
    if (compression?.isShared !== false) sharedOptions.set(compression ?? limits, options);
    return options;
  }

  #sendWire(wire: string | Buffer | PreparedMessage, options: SendOptions | undefined): SendStatus {
    const status = (this.#connection as Connection).send(wire, options?.compress, options?.droppable);
    if (status === 'queued') this.#hasQueued = true;
    return status;
  }

  #sendLater(message: SendableMessage, options: SendOptions | undefined): SendStatus {
    if (this.#reconnector?.isOver !== false) {
      if (this.#status === 'Connecting') this.#generate('ERR_NOT_CONNECTED', 'cannot send: still Connecting');
      return 'dropped';
    }
    try {
      const wire = typeof message === 'string' ? message : toWire(message, this.component);
      const status = this.#reconnector.hold(wire, options);
      if (status === 'queued') this.#hasQueued = true;
      return status;
    } catch (error) {
      return generateError<SendStatus>(error as FourDError, 'dropped');
    }
  }

  get #reconnector(): Reconnector | undefined {
    return this.#settings.reconnector;
  }

  /** Whether messages wait, for the peer or for a connection. */
  get #isBlocked(): boolean {
    return this.#connection?.isBlocked === true || (this.#reconnector?.heldCount ?? 0) > 0;
  }

  /** Sends what waited for the connection, as far as the peer takes it. */
  #releaseHeld(): void {
    const driver = this.#connection;
    const reconnector = this.#reconnector;
    if (reconnector === undefined || driver === undefined) return;
    if (this.#status !== 'Connected' || this.#openings > 0) return;
    while (!driver.isBlocked) {
      const message = reconnector.shift();
      if (message === undefined) break;
      driver.send(message.data, message.compress);
    }
    reconnector.isReleasing = reconnector.heldCount > 0;
  }

  #tellError(error: FourDError): void {
    this.#failure = error.message;
    // A callback has failed while the connection was closing, and now that goes wrong too.
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#queue.push(toErrorEvent(error));
  }

  /** What a client that connects again has to say besides. */
  #sumUp(ending: Ending): Partial<TerminateEvent> | undefined {
    const reconnector = this.#reconnector;
    if (reconnector === undefined) return undefined;
    return {
      ...reconnector.addFigures(ending),
      reconnectAttempts: reconnector.attempt,
      unsentMessages: reconnector.takeUnsent(),
    };
  }

  #describe(ending: Ending): string {
    const message = this.#failure ?? endingText(ending);
    const verdict = this.#reconnector?.verdict;
    return verdict === undefined ? message : `${message}; ${verdict}`;
  }

  #resolveDrained(): void {
    const waiting = this.#waitingForDrain;
    this.#waitingForDrain = undefined;
    for (const resolve of waiting ?? []) resolve();
  }

  #generate(code: 'ERR_NOT_CONNECTED' | 'ERR_INVALID_EXPIRY', message: string): void {
    generateError(new FourDError(code, message, { componentSignature: this.component }), undefined);
  }
}

/** The ending of a connection that never was. */
function notConnected(cause: EndCause, phase: EndPhase): Ending {
  return {
    code: CLOSE_ABNORMAL,
    reason: undefined,
    wasClean: false,
    cause,
    phase,
    ...NO_FIGURES,
  };
}

function toErrorEvent(error: FourDError): ErrorEvent {
  return { type: 'error', errors: [error.item], error };
}
