import type { ConnectionEvent } from '../server/request-info.ts';
import type { RefuseEvent } from '../server/refusal-reports.ts';
import type { Admission } from '../server/answers.ts';
import type { WebSocketServer } from '../server/web-socket-server.ts';
import { callHandler, hasCallback } from '../session/call-handler.ts';
import type { ErrorEvent, OpenEvent, ServerTerminateEvent } from '../session/events.ts';
import { invalidArgument } from './arguments.ts';
import { checkEventType, type ServerEventsByType } from './event-types.ts';
import { checkedCallbacks, isRecordingHandler, recordingHandler, type RecordingHandler } from './recording-handler.ts';
import { type RecordedEvent, Recording } from './recording.ts';
import type { Received } from './test-end.ts';

/** What a recording handler of a server does beside recording. */
export interface RecordedServerCallbacks<T> {
  onOpen?(wss: WebSocketServer<T>, event: OpenEvent): unknown;
  /** Decides about a client. Left out, each client gets a recording handler of its own. */
  onConnection?(wss: WebSocketServer<T>, event: ConnectionEvent): unknown;
  /** Only with this callback, which may be empty, are refusals recorded. */
  onRefuse?(wss: WebSocketServer<T>, event: RefuseEvent): unknown;
  onError?(wss: WebSocketServer<T>, event: ErrorEvent): unknown;
  onTerminate?(wss: WebSocketServer<T>, event: ServerTerminateEvent): unknown;
}

/** A handler of a server that records all events, over any kind of connection. For one server at a time. */
export interface RecordingServerHandler<T> extends Pick<Received<T>, 'events' | 'callbacks' | 'errors'> {
  /** Resolves to the next event of this type. @see Received.nextEvent */
  nextEvent<Type extends keyof ServerEventsByType>(type: Type): Promise<ServerEventsByType[Type]>;
  /** Returns the events of this type so far, in order. @throws FourDError `ERR_INVALID_ARGUMENT` */
  eventsOf<Type extends keyof ServerEventsByType>(type: Type): ServerEventsByType[Type][];
  /** The recording handlers that clients were given, in order: those that onConnection has returned, without a promise. */
  readonly handlers: readonly RecordingHandler<T>[];
  /**
   * Resolves to the handler of the next client that no earlier call has returned.
   *
   * @throws AssertionError (as a rejection) as {@link Received.nextMessage}
   */
  nextHandler(): Promise<RecordingHandler<T>>;
  /** Resolves when onOpen begins. @throws AssertionError (as a rejection) as {@link Received.nextMessage} */
  opened(): Promise<WebSocketServer<T>>;
  /** Resolves when onTerminate begins. @throws AssertionError (as a rejection) as {@link Received.nextMessage} */
  ended(): Promise<ServerTerminateEvent>;
  onOpen(wss: WebSocketServer<T>, event: OpenEvent): unknown;
  onConnection(wss: WebSocketServer<T>, event: ConnectionEvent): Admission<T> | Promise<Admission<T>>;
  onRefuse?(wss: WebSocketServer<T>, event: RefuseEvent): unknown;
  onError(wss: WebSocketServer<T>, event: ErrorEvent): unknown;
  onTerminate(wss: WebSocketServer<T>, event: ServerTerminateEvent): unknown;
}

function describeClient(number: number): string {
  return `client ${number}`;
}

/** Implements {@link RecordingServerHandler}. */
class ServerEventRecorder<T> implements RecordingServerHandler<T> {
  readonly #recording = new Recording('the recording handler of the server');
  readonly handlers: RecordingHandler<T>[] = [];
  declare onRefuse?: (wss: WebSocketServer<T>, event: RefuseEvent) => unknown;
  readonly #callbacks: RecordedServerCallbacks<T>;
  #opened: WebSocketServer<T> | undefined;

  constructor(callbacks: RecordedServerCallbacks<T>) {
    this.#callbacks = hasCallback(callbacks, 'onConnection')
      ? callbacks
      : { ...callbacks, onConnection: () => recordingHandler<never, T>() };
    if (hasCallback(callbacks, 'onRefuse')) this.onRefuse = (wss, event) => this.#note('onRefuse', wss, event);
  }

  get events(): readonly RecordedEvent[] {
    return this.#recording.events;
  }

  get callbacks(): readonly string[] {
    return this.#recording.callbacks;
  }

  get errors(): readonly ErrorEvent[] {
    return this.#recording.errors;
  }

  async nextEvent<Type extends keyof ServerEventsByType>(type: Type): Promise<ServerEventsByType[Type]> {
    return (await this.#recording.nextEvent(this.#checked('nextEvent', type))) as ServerEventsByType[Type];
  }

  eventsOf<Type extends keyof ServerEventsByType>(type: Type): ServerEventsByType[Type][] {
    return this.#recording.eventsOf(this.#checked('eventsOf', type)) as ServerEventsByType[Type][];
  }

  ended(): Promise<ServerTerminateEvent> {
    return this.#recording.ended();
  }

  async nextHandler(): Promise<RecordingHandler<T>> {
    const [handler] = await this.#recording.next('handler', 1, () => this.handlers, describeClient);
    return handler as RecordingHandler<T>;
  }

  async opened(): Promise<WebSocketServer<T>> {
    await this.#recording.until(
      () => 'onOpen',
      () => this.#opened !== undefined,
    );
    return this.#opened as WebSocketServer<T>;
  }

  onOpen(wss: WebSocketServer<T>, event: OpenEvent): unknown {
    this.#opened = wss;
    return this.#note('onOpen', wss, event);
  }

  onConnection(wss: WebSocketServer<T>, event: ConnectionEvent): Admission<T> {
    const answer = this.#note('onConnection', wss, event) as Admission<T>;
    if (isRecordingHandler<T>(answer)) {
      this.handlers.push(answer);
      this.#recording.check();
    }
    return answer;
  }

  onError(wss: WebSocketServer<T>, event: ErrorEvent): unknown {
    return this.#note('onError', wss, event);
  }

  onTerminate(wss: WebSocketServer<T>, event: ServerTerminateEvent): unknown {
    return this.#note('onTerminate', wss, event);
  }

  #checked(caller: string, type: string): string {
    if (type !== 'refuse' || this.onRefuse !== undefined) return checkEventType(caller, type);
    throw invalidArgument(
      caller,
      'refusals are recorded only with an onRefuse: recordingServerHandler({ onRefuse() {} })',
    );
  }

  #note(name: string, wss: WebSocketServer<T>, event: { readonly type: string }): unknown {
    this.#recording.note(event);
    return callHandler(this.#callbacks, name, wss, event);
  }
}

/**
 * Creates a handler of a server that records all events, for tests of clients over a real port, or of a server beside
 * others. Without an onConnection of its own each client is let in.
 *
 * @param callbacks - run after the event was recorded
 * @throws FourDError `ERR_INVALID_ARGUMENT`
 */
export function recordingServerHandler<T = string>(
  callbacks: RecordedServerCallbacks<T> = {},
): RecordingServerHandler<T> {
  return new ServerEventRecorder(checkedCallbacks('recordingServerHandler', callbacks));
}
