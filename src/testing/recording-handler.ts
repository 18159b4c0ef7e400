import type { WebSocket } from '../client/web-socket.ts';
import type { WebSocketConnection } from '../server/web-socket-connection.ts';
import { callHandler } from '../session/call-handler.ts';
import type { DataType } from '../session/message-types.ts';
import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
  TerminateEvent,
} from '../session/events.ts';
import { describeKind, invalidArgument } from './arguments.ts';
import { Recording } from './recording.ts';
import type { DataOfType } from './server-in-memory.ts';
import { type Received, ReceivedEvents } from './test-end.ts';

/** The socket that a callback gets, of a client or of a server's connection. */
export type AnySocket<T> = WebSocket<T> | WebSocketConnection<T>;

/** What a recording handler does beside recording. */
export interface RecordedCallbacks<T, D extends DataType = DataType> {
  /** As in a handler of a client. */
  readonly dataType?: D | undefined;
  /** As in a handler of a client. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  onOpen?(ws: AnySocket<T>, event: OpenEvent): unknown;
  onMessage?(ws: AnySocket<T>, event: MessageEvent<T>): unknown;
  onDrain?(ws: AnySocket<T>, event: DrainEvent): unknown;
  onError?(ws: AnySocket<T>, event: ErrorEvent): unknown;
  onTerminate?(ws: AnySocket<T>, event: TerminateEvent): unknown;
}

/**
 * A handler of a client or of a server's connection that records all events, over any kind of connection. For one
 * connection at a time.
 */
export interface RecordingHandler<T, D extends DataType = DataType> extends Received<T> {
  /**
   * Resolves to the socket that the newest onOpen has got, when it begins.
   *
   * @throws AssertionError (as a rejection) as {@link Received.nextMessage}
   */
  opened(): Promise<AnySocket<T>>;
  readonly dataType?: D;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  onOpen(ws: AnySocket<T>, event: OpenEvent): unknown;
  onMessage(ws: AnySocket<T>, event: MessageEvent<T>): unknown;
  onDrain(ws: AnySocket<T>, event: DrainEvent): unknown;
  onError(ws: AnySocket<T>, event: ErrorEvent): unknown;
  onTerminate(ws: AnySocket<T>, event: TerminateEvent): unknown;
}

/** What a recording handler of a client does beside recording. */
export interface RecordedClientCallbacks<T, D extends DataType = DataType> extends RecordedCallbacks<T, D> {
  onDisconnect?(ws: WebSocket<T>, event: DisconnectEvent): unknown;
  onReconnect?(ws: WebSocket<T>, event: ReconnectEvent): unknown;
}

/** A {@link RecordingHandler} that hears of reconnections too, which only clients do. */
export interface RecordingClientHandler<T, D extends DataType = DataType> extends RecordingHandler<T, D> {
  onDisconnect(ws: WebSocket<T>, event: DisconnectEvent): unknown;
  onReconnect(ws: WebSocket<T>, event: ReconnectEvent): unknown;
}

/** Implements {@link RecordingHandler}. */
class EventRecorder<T, D extends DataType> extends ReceivedEvents<T> implements RecordingHandler<T, D> {
  declare readonly dataType?: D;
  declare readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly #callbacks: RecordedCallbacks<T, D>;
  #opened: AnySocket<T> | undefined;

  constructor(callbacks: RecordedCallbacks<T, D>) {
    super(new Recording('the recording handler'));
    this.#callbacks = callbacks;
    const { dataType, headers } = callbacks;
    if (dataType !== undefined) this.dataType = dataType;
    if (headers !== undefined) this.headers = headers;
  }

  async opened(): Promise<AnySocket<T>> {
    await this.recording.until(
      () => 'onOpen',
      () => this.#opened !== undefined,
    );
    return this.#opened as AnySocket<T>;
  }

  onOpen(ws: AnySocket<T>, event: OpenEvent): unknown {
    this.#opened = ws;
    return this.note('onOpen', ws, event);
  }

  onMessage(ws: AnySocket<T>, event: MessageEvent<T>): unknown {
    return this.note('onMessage', ws, event);
  }

  onDrain(ws: AnySocket<T>, event: DrainEvent): unknown {
    return this.note('onDrain', ws, event);
  }

  onError(ws: AnySocket<T>, event: ErrorEvent): unknown {
    return this.note('onError', ws, event);
  }

  onTerminate(ws: AnySocket<T>, event: TerminateEvent): unknown {
    return this.note('onTerminate', ws, event);
  }

  protected note(name: string, ws: AnySocket<T>, event: { readonly type: string }): unknown {
    this.recording.note(event);
    return callHandler(this.#callbacks, name, ws, event);
  }
}

/** Implements {@link RecordingClientHandler}. */
class ClientEventRecorder<T, D extends DataType> extends EventRecorder<T, D> implements RecordingClientHandler<T, D> {
  onDisconnect(ws: WebSocket<T>, event: DisconnectEvent): unknown {
    return this.note('onDisconnect', ws, event);
  }

  onReconnect(ws: WebSocket<T>, event: ReconnectEvent): unknown {
    return this.note('onReconnect', ws, event);
  }
}

export function isRecordingHandler<T>(value: unknown): value is RecordingHandler<T> {
  return value instanceof EventRecorder;
}

/**
 * Creates a handler that records all events, for tests that need no pair in memory, or more than one handler.
 *
 * @param callbacks - run after the event was recorded; `dataType` and `headers` are those of the handler
 * @throws FourDError `ERR_INVALID_ARGUMENT`
 */
export function recordingHandler<D extends DataType = 'text', T = DataOfType<D>>(
  callbacks: RecordedCallbacks<T, D> = {},
): RecordingHandler<T, D> {
  return new EventRecorder(checkedCallbacks('recordingHandler', callbacks));
}

/**
 * Creates a handler of a client as {@link recordingHandler} does, which records `'disconnect'` and `'reconnect'` too.
 *
 * @throws FourDError `ERR_INVALID_ARGUMENT`
 */
export function recordingClientHandler<D extends DataType = 'text', T = DataOfType<D>>(
  callbacks: RecordedClientCallbacks<T, D> = {},
): RecordingClientHandler<T, D> {
  return new ClientEventRecorder(checkedCallbacks('recordingClientHandler', callbacks));
}

/** Checks the callbacks of a recording handler. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function checkedCallbacks<T extends object>(caller: string, callbacks: T): T {
  if (typeof callbacks === 'object' && callbacks !== null) return callbacks;
  const problem = `it takes an object with callbacks, or nothing; received ${describeKind(callbacks)}`;
  throw invalidArgument(caller, problem);
}
