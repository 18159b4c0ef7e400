import { callbackFailed, type ComponentSignature, FourDError } from '../errors.ts';
import { generateError, reportError } from '../process/error-handling.ts';
import type { LogicalProcess, Owned } from '../process/logical-process.ts';
import { CLOSE_ABNORMAL, CLOSE_GOING_AWAY, type Role } from '../protocol/constants.ts';
import { Driver, type DriverListener } from '../transport/driver.ts';
import type { Transport } from '../transport/transport.ts';
import { CallbackQueue, type CallbackOwner, type QueuedEvent } from './callback-queue.ts';
import { type DataType, type SendableMessage, toEventData, toWire } from './data-type.ts';
import type { ErrorEvent, OpenEvent } from './events.ts';
import { hasCallback } from './handlers.ts';
import type { CheckedOptions } from './options.ts';
import type { Status } from './status.ts';

/** How long the peers of a killed worker have to answer, in milliseconds. */
export const OWNER_END_TIMEOUT_MS = 2000;

const OPEN_EVENT: OpenEvent = Object.freeze({ type: 'open' });

let lastId = 0;

/** What a session is part of, and reports to. */
export interface SessionOwner {
  /** The object that callbacks get as their first parameter. */
  readonly subject: object;
  /** The process ends while the connection is not open yet. */
  onAborted?(): void;
  /** Takes over when onTerminate is to run, to bring several into order. */
  deferEnd?(deliver: () => void): void;
  /** onOpen has run, well or not. */
  onOpened?(): void;
  /** The connection is over, onTerminate about to run. */
  onClosed?(): void;
  /** onTerminate has run. */
  onFinished?(): void;
}

/** What a session needs to know. */
export interface SessionOptions {
  readonly role: Role;
  readonly handler: object;
  readonly dataType: DataType;
  readonly process: LogicalProcess;
  readonly limits: CheckedOptions;
}

/**
 * One connection as its user sees it, client or server: status, callbacks in order, data types, sending, the end.
 *
 * @remarks `WebSocket` and `WebSocketConnection` are the two public faces of it.
 */
export class Session implements DriverListener, CallbackOwner, Owned {
  /** Unique in this process. */
  readonly id: number = ++lastId;
  readonly handler: object;
  readonly dataType: DataType;
  readonly #role: Role;
  readonly #owner: SessionOwner;
  readonly #process: LogicalProcess;
  readonly #limits: CheckedOptions;
  readonly #queue: CallbackQueue;
  #driver: Driver | undefined;
  #status: Status = 'Connecting';
  /** onError has run or is about to: it does so once. */
  #hasFailed = false;

  constructor(owner: SessionOwner, options: SessionOptions) {
    this.#owner = owner;
    this.handler = options.handler;
    this.dataType = options.dataType;
    this.#role = options.role;
    this.#process = options.process;
    this.#limits = options.limits;
    this.#queue = new CallbackQueue(this, options.handler, options.process, options.limits.maxWaitingMessages);
    options.process.own(this);
  }

  get subject(): object {
    return this.#owner.subject;
  }

  get status(): Status {
    return this.#status;
  }

  get bufferedBytes(): number {
    return this.#driver?.bufferedBytes ?? 0;
  }

  /** "HTTP" on the server, "HTCL" on the client. */
  get signature(): ComponentSignature {
    return this.#role === 'server' ? 'HTTP' : 'HTCL';
  }

  /**
   * Takes over a transport whose handshake is complete, and runs onOpen. Nothing is read before that is over.
   *
   * @param head - bytes of the peer that came with the handshake
   * @param answer - the rest of the handshake, to be written first
   */
  open(transport: Transport, head: Buffer, answer: string): void {
    this.#driver = new Driver(transport, head, this, {
      role: this.#role,
      decodesText: this.dataType !== 'blob',
      ...this.#limits,
    });
    if (answer !== '') this.#driver.writeHead(answer);
    this.#status = 'Connected';
    if (this.#role === 'client') this.#queue.pushFirst(OPEN_EVENT);
    else this.#queue.push(OPEN_EVENT);
  }

  /** Ends a session that never had a transport. */
  failToOpen(error: FourDError): void {
    this.#status = 'Closing';
    this.onError(error);
    this.onTerminated(CLOSE_ABNORMAL, undefined, false);
  }

  /** Ends a session that never had a transport because its user wants so: not within the user's call. */
  giveUp(): void {
    this.#status = 'Closing';
    setImmediate(() => this.onTerminated(CLOSE_ABNORMAL, undefined, false));
  }

  /** Ends a session that never had a transport and whose handler is to hear nothing. */
  cancel(): void {
    this.#status = 'Closed';
    this.#process.disown(this);
  }

  /** Sends a message: see the public classes. */
  send(message: SendableMessage): void {
    if (this.#status !== 'Connected') {
      if (this.#status === 'Connecting') this.#generate('ERR_NOT_CONNECTED', 'cannot send: still Connecting');
      return;
    }
    const driver = this.#driver as Driver;
    if (typeof message === 'string') {
      driver.sendText(message);
      return;
    }
    let wire: string | Buffer;
    try {
      wire = toWire(message, this.signature);
    } catch (error) {
      generateError(error as FourDError, undefined);
      return;
    }
    if (typeof wire === 'string') driver.sendText(wire);
    else driver.sendBinary(wire);
  }

  /** Begins the closing handshake. No onMessage runs any more. */
  close(code: number, reason: string, timeoutMs: number = this.#limits.closeTimeoutMs): void {
    if (this.#status === 'Closed') return;
    this.#status = 'Closing';
    this.#queue.mute();
    this.#driver?.close(code, reason, timeoutMs);
  }

  /** Ends the connection without a close frame. */
  destroy(): void {
    if (this.#status === 'Closed') return;
    this.#status = 'Closing';
    this.#queue.mute();
    this.#driver?.destroy();
  }

  // Owned

  onOwnerEnding(): void {
    if (this.#driver === undefined) this.#owner.onAborted?.();
    else this.close(CLOSE_GOING_AWAY, '', OWNER_END_TIMEOUT_MS);
  }

  // DriverListener

  onMessage(data: string | Buffer, isText: boolean): void {
    let value: unknown = data;
    if (this.dataType !== 'text' || typeof data !== 'string') {
      try {
        value = toEventData(this.dataType, data, isText, this.signature);
      } catch (error) {
        this.#driver?.fail(error as FourDError);
        return;
      }
    }
    this.#queue.push({ type: 'message', data: value });
  }

  onClosing(): void {
    this.#status = 'Closing';
  }

  onError(error: FourDError): void {
    this.#hasFailed = true;
    this.#queue.push(toErrorEvent(error));
  }

  onTerminated(code: number, reason: string | undefined, wasClean: boolean): void {
    this.#status = 'Closing';
    const deliver = (): void => this.#queue.push({ type: 'terminate', code, reason, wasClean });
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
    if (event.type === 'open') {
      this.#owner.onOpened?.();
      this.#driver?.resume();
    } else if (event.type === 'terminate') {
      this.#process.disown(this);
      this.#owner.onFinished?.();
    }
  }

  onCallbackFailed(event: QueuedEvent, thrown: unknown): void {
    const name = { open: 'onOpen', message: 'onMessage', error: 'onError', terminate: 'onTerminate' }[event.type];
    const error = callbackFailed(name, thrown);
    this.#queue.mute();
    let isTold = this.#driver?.fail(error) === true;
    // The peer may have closed while the callback was running: then onTerminate is still to come, and onError before.
    if (!isTold && !this.#hasFailed && (event.type === 'open' || event.type === 'message')) {
      this.#hasFailed = true;
      this.#queue.pushNext(toErrorEvent(error));
      isTold = true;
    }
    // Nobody else would hear of it: a mistake in user code must not pass in silence.
    if (!isTold || !hasCallback(this.handler, 'onError')) reportError(error, this.#process);
  }

  onQueueFull(): void {
    this.#driver?.pause();
  }

  onQueueDrained(): void {
    this.#driver?.resume();
  }

  #generate(code: 'ERR_NOT_CONNECTED', message: string): void {
    generateError(new FourDError(code, message, { componentSignature: this.signature }), undefined);
  }
}

function toErrorEvent(error: FourDError): ErrorEvent {
  return { type: 'error', errors: [error.item], error };
}
