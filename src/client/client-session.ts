import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { SendStatus } from '../connection/connection.ts';
import { CLOSE_ABNORMAL, CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import type { QueuedEvent } from '../session/callback-queue.ts';
import { type SendableMessage, type SendOptions, toWire } from '../session/data-type.ts';
import type { OpenEvent, TerminateEvent } from '../session/events.ts';
import { Session, type SessionSettings, WORKER_END_TIMEOUT_MS } from '../session/session.ts';
import { generateError } from '../workers/error-handling.ts';
import type { WorkerResource } from '../workers/worker.ts';
import { NO_FIGURES, type Reconnector } from './reconnector.ts';

/** Opens the connections of a client, and hears how the session goes. */
export interface ClientSessionOwner {
  /** The object that callbacks get as their first parameter. */
  readonly subject: object;
  /** How far connecting has come, while there is no connection. */
  readonly connectPhase: EndPhase;
  /** The worker ends, or a callback fails, while there is no connection. */
  onAborted(cause: EndCause): void;
  /** onOpen has run, well or not. */
  onOpened(): void;
  /** onTerminate has run. */
  onFinished(): void;
}

/**
 * The {@link Session} of a client: waits for its connection, and with the option `reconnect` lives on from one
 * connection to the next. Messages that are sent meanwhile wait in the {@link Reconnector}.
 */
export class ClientSession extends Session implements WorkerResource {
  readonly #owner: ClientSessionOwner;
  /** Only with the option `reconnect`. */
  readonly #reconnector: Reconnector | undefined;
  #hasConnected = false;
  /** Calls of onOpen and onReconnect that are not over. */
  #openings = 0;
  /** Messages that waited for the connection are being sent: those that come now queue up behind them. */
  #isReleasing = false;
  /** The error of a connection that may be followed by another one. */
  #lostBy: FourDError | undefined;

  constructor(
    owner: ClientSessionOwner,
    handler: object,
    settings: SessionSettings,
    reconnector: Reconnector | undefined,
  ) {
    super(handler, settings);
    this.#owner = owner;
    this.#reconnector = reconnector;
    settings.worker.own(this);
  }

  get subject(): object {
    return this.#owner.subject;
  }

  get component(): 'HTCL' {
    return 'HTCL';
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + (this.#reconnector?.heldBytes ?? 0);
  }

  protected override get isBlocked(): boolean {
    return super.isBlocked || (this.#reconnector?.heldCount ?? 0) > 0;
  }

  // Without a connection

  /** Ends a session that has no connection, because of an error. */
  failToOpen(error: FourDError): void {
    this.stayClosed();
    this.setStatus('Closing');
    this.onError(error);
    this.onTerminated(notConnected(error.endCause ?? 'connect', error.phase ?? 'connecting'));
  }

  /** Ends a session that has no connection because its user wants so: not within the user's call. */
  giveUp(cause: EndCause, phase: EndPhase): void {
    this.stayClosed();
    this.setStatus('Closing');
    setImmediate(() => this.onTerminated(notConnected(cause, phase)));
  }

  /** Ends a session that never had a connection and whose handler is to hear nothing. */
  cancel(): void {
    this.stayClosed();
    this.setStatus('Closed');
    this.settings.worker.disown(this);
  }

  /** Makes the present connection the last one. */
  stayClosed(): void {
    this.#reconnector?.end();
  }

  onWorkerEnding(): void {
    if (this.connection === undefined) this.#owner.onAborted('worker');
    else this.close(CLOSE_GOING_AWAY, '', WORKER_END_TIMEOUT_MS, 'worker');
  }

  // Opening, for the first time and again

  protected override announceOpen(event: OpenEvent): void {
    this.#openings++;
    if (this.#hasConnected && this.#reconnector !== undefined) {
      this.queue.push({ type: 'reconnect', attempt: this.#reconnector.attempt });
    } else {
      this.#hasConnected = true;
      this.queue.pushFirst(event);
    }
  }

  override onAfterCallback(event: QueuedEvent): void {
    if (event.type === 'reconnect') this.startReading();
    else super.onAfterCallback(event);
  }

  protected override onOpened(): void {
    this.#owner.onOpened();
  }

  protected override startReading(): void {
    // Not when the connection was lost meanwhile: the next one has a callback of its own.
    if (--this.#openings > 0) return;
    if (this.#reconnector !== undefined) this.onWritable();
    super.startReading();
  }

  // Sending

  override send(message: SendableMessage, options?: SendOptions): SendStatus {
    return this.#isReleasing ? this.sendUnconnected(message, options) : super.send(message, options);
  }

  protected override sendUnconnected(message: SendableMessage, options: SendOptions | undefined): SendStatus {
    if (this.#reconnector?.isOver !== false) return super.sendUnconnected(message, options);
    try {
      const wire = typeof message === 'string' ? message : toWire(message, this.component);
      return this.noteSent(this.#reconnector.hold(wire, options));
    } catch (error) {
      return generateError<SendStatus>(error as FourDError, 'dropped');
    }
  }

  override onWritable(): void {
    this.#releaseHeld();
    super.onWritable();
  }

  /** Sends what waited for the connection, as far as the server takes it. */
  #releaseHeld(): void {
    const reconnector = this.#reconnector;
    const { connection } = this;
    if (reconnector === undefined || connection === undefined) return;
    if (this.status !== 'Connected' || this.#openings > 0) return;
    while (!connection.isBlocked) {
      const message = reconnector.shift();
      if (message === undefined) break;
      connection.send(message.data, message.compress);
    }
    this.#isReleasing = reconnector.heldCount > 0;
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
    // Whether it is the end shows when the connection is over.
    if (this.#reconnector?.isOver === false && error.endCause !== 'callback') this.#lostBy = error;
    else super.onError(error);
  }

  override onTerminated(ending: Ending): void {
    this.setStatus('Closing');
    const lostBy = this.#lostBy;
    this.#lostBy = undefined;
    if (this.#reconnector?.takesOver(ending, lostBy) === true) {
      this.#reconnector.addFigures(ending);
      this.#isReleasing = false;
      this.connection = undefined;
      this.setStatus('Connecting');
      if (!this.isBlocked) this.resolveDrained();
      return;
    }
    if (lostBy !== undefined) super.onError(lostBy);
    super.onTerminated(ending);
  }

  // The end of the session

  protected override get failurePhase(): EndPhase {
    return this.connection === undefined ? this.#owner.connectPhase : super.failurePhase;
  }

  protected override failCallback(event: QueuedEvent, error: FourDError): void {
    this.stayClosed();
    super.failCallback(event, error);
    // The client waits for its next connection.
    if (this.connection === undefined && this.status === 'Connecting') {
      this.noteFailure(error.message);
      this.#owner.onAborted('callback');
    }
  }

  protected override toTerminateEvent(ending: Ending): TerminateEvent {
    const event = super.toTerminateEvent(ending);
    const reconnector = this.#reconnector;
    if (reconnector === undefined) return event;
    const { verdict, attempt } = reconnector;
    return {
      ...event,
      message: verdict === undefined ? event.message : `${event.message}; ${verdict}`,
      ...reconnector.addFigures(ending),
      reconnectAttempts: attempt,
      unsentMessages: reconnector.takeUnsent(),
    };
  }

  protected override onFinished(): void {
    this.settings.worker.disown(this);
    this.#owner.onFinished();
  }
}

/** The ending of a connection that never was. */
function notConnected(cause: EndCause, phase: EndPhase): Ending {
  return { code: CLOSE_ABNORMAL, reason: undefined, wasClean: false, cause, phase, ...NO_FIGURES };
}
