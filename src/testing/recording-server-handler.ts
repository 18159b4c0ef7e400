import type { ConnectionEvent } from '../server/request-info.ts';
import type { RefuseEvent } from '../server/refusal-reports.ts';
import type { Admission } from '../server/answers.ts';
import type { WebSocketServer } from '../server/web-socket-server.ts';
import { callHandler, hasCallback } from '../session/call-handler.ts';
import type { ErrorEvent, OpenEvent, ServerTerminateEvent } from '../session/events.ts';
import { checkedCallbacks, recordingHandler, type RecordingHandler } from './recording-handler.ts';
import { Recording } from './recording.ts';
import { type Received, ReceivedEvents } from './test-end.ts';

/** What a recording handler of a server does beside recording. */
export interface RecordedServerCallbacks<T> {
  onOpen?(wss: WebSocketServer<T>, event: OpenEvent): unknown;
  /** Decides about a client. Left out, each client gets a recording handler of its own. */
  onConnection?(wss: WebSocketServer<T>, event: ConnectionEvent): unknown;
  onRefuse?(wss: WebSocketServer<T>, event: RefuseEvent): unknown;
  onError?(wss: WebSocketServer<T>, event: ErrorEvent): unknown;
  onTerminate?(wss: WebSocketServer<T>, event: ServerTerminateEvent): unknown;
}

/** A handler of a server that records all events, over any kind of connection. For one server at a time. */
export interface RecordingServerHandler<T> extends Pick<Received<T>, 'events' | 'callbacks' | 'errors' | 'nextEvent'> {
  /** The events of onConnection, in order. */
  readonly connections: readonly ConnectionEvent[];
  /** The handlers that clients were given, in order; none when the test has an onConnection of its own. */
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
  onRefuse(wss: WebSocketServer<T>, event: RefuseEvent): unknown;
  onError(wss: WebSocketServer<T>, event: ErrorEvent): unknown;
  onTerminate(wss: WebSocketServer<T>, event: ServerTerminateEvent): unknown;
}

/** Implements {@link RecordingServerHandler}. */
class ServerEventRecorder<T> extends ReceivedEvents<T> implements RecordingServerHandler<T> {
  readonly connections: ConnectionEvent[] = [];
  readonly handlers: RecordingHandler<T>[] = [];
  readonly #callbacks: RecordedServerCallbacks<T>;
  #opened: WebSocketServer<T> | undefined;

  constructor(callbacks: RecordedServerCallbacks<T>) {
    super(new Recording('the recording handler of the server'));
    this.#callbacks = callbacks;
  }

  nextHandler(): Promise<RecordingHandler<T>> {
    return this.recording.next(
      'handler',
      () => this.handlers,
      (number) => `client ${number}`,
    );
  }

  async opened(): Promise<WebSocketServer<T>> {
    await this.recording.until('onOpen', () => this.#opened !== undefined);
    return this.#opened as WebSocketServer<T>;
  }

  onOpen(wss: WebSocketServer<T>, event: OpenEvent): unknown {
    this.#opened = wss;
    return this.#note('onOpen', wss, event);
  }

  onConnection(wss: WebSocketServer<T>, event: ConnectionEvent): Admission<T> {
    this.connections.push(event);
    if (hasCallback(this.#callbacks, 'onConnection')) return this.#note('onConnection', wss, event) as Admission<T>;
    const handler = recordingHandler<never, T>();
    this.handlers.push(handler);
    this.recording.note(event);
    return handler;
  }

  onRefuse(wss: WebSocketServer<T>, event: RefuseEvent): unknown {
    return this.#note('onRefuse', wss, event);
  }

  onError(wss: WebSocketServer<T>, event: ErrorEvent): unknown {
    return this.#note('onError', wss, event);
  }

  onTerminate(wss: WebSocketServer<T>, event: ServerTerminateEvent): unknown {
    return this.#note('onTerminate', wss, event);
  }

  #note(name: string, wss: WebSocketServer<T>, event: { readonly type: string }): unknown {
    this.recording.note(event);
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
