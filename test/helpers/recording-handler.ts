import type {
  DataType,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  Status,
  TerminateEvent,
  WebSocket,
  WebSocketConnection,
} from '../../src/index.ts';
import { createDeferred } from './deferred.ts';
import { Inbox } from './inbox.ts';

type Face = WebSocket<never> | WebSocketConnection<never>;
type CallbackName = 'onOpen' | 'onMessage' | 'onError' | 'onTerminate';
type AnyEvent = OpenEvent | MessageEvent<unknown> | ErrorEvent | TerminateEvent;

/** One callback that ran. */
export interface Call {
  readonly name: CallbackName;
  /** `this` of the callback. */
  readonly self: unknown;
  /** First parameter. */
  readonly ws: Face;
  readonly event: AnyEvent;
  readonly parameterCount: number;
  /** Status of the socket while the callback ran. */
  readonly status: Status;
}

/** Data type, headers and callbacks that a test adds to a recording handler. */
export interface Additions {
  readonly dataType?: DataType;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Each function runs after the call was recorded, and the callback returns or throws what the function does. */
  onOpen?(ws: Face): unknown;
  onMessage?(ws: Face, data: unknown): unknown;
  onError?(ws: Face, event: ErrorEvent): unknown;
  onTerminate?(ws: Face, event: TerminateEvent): unknown;
}

/** A handler of a client or of a server's connection that records each call of its callbacks, in order. */
export class RecordingHandler {
  readonly calls = new Inbox<Call>();
  declare readonly dataType?: DataType;
  declare readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly #messages = new Inbox<unknown>();
  readonly #additions: Additions;
  readonly #opened = createDeferred<Face>();
  readonly #terminated = createDeferred<TerminateEvent>();

  constructor(additions: Additions = {}) {
    this.#additions = additions;
    if (additions.dataType !== undefined) this.dataType = additions.dataType;
    if (additions.headers !== undefined) this.headers = additions.headers;
  }

  /** Names of the callbacks that ran, in order. */
  get names(): CallbackName[] {
    return this.calls.all.map(({ name }) => name);
  }

  /** `event.data` of the messages that arrived. */
  get messages(): readonly unknown[] {
    return this.#messages.all;
  }

  /** The events of onError. */
  get errors(): ErrorEvent[] {
    return this.calls.all.filter(({ name }) => name === 'onError').map(({ event }) => event as ErrorEvent);
  }

  /** Resolves when onOpen begins. */
  get opened(): Promise<Face> {
    return this.#opened.promise;
  }

  /** Resolves when onTerminate begins. */
  get terminated(): Promise<TerminateEvent> {
    return this.#terminated.promise;
  }

  /** Resolves to `event.data` of the next message. */
  nextMessage(): Promise<unknown> {
    return this.#messages.next();
  }

  /** Resolves to `event.data` of all messages, as soon as there are this many. */
  messagesAtLeast(count: number): Promise<readonly unknown[]> {
    return this.#messages.atLeast(count);
  }

  onOpen(...parameters: [ws: Face, event: OpenEvent]): void {
    this.#record('onOpen', parameters);
    this.#opened.resolve(parameters[0]);
    return this.#additions.onOpen?.(parameters[0]) as void;
  }

  onMessage(...parameters: [ws: Face, event: MessageEvent<unknown>]): void {
    const { data } = parameters[1];
    this.#record('onMessage', parameters);
    this.#messages.push(data);
    return this.#additions.onMessage?.(parameters[0], data) as void;
  }

  onError(...parameters: [ws: Face, event: ErrorEvent]): void {
    this.#record('onError', parameters);
    return this.#additions.onError?.(...parameters) as void;
  }

  onTerminate(...parameters: [ws: Face, event: TerminateEvent]): void {
    this.#record('onTerminate', parameters);
    this.#terminated.resolve(parameters[1]);
    return this.#additions.onTerminate?.(...parameters) as void;
  }

  #record(name: CallbackName, parameters: [ws: Face, event: AnyEvent]): void {
    const [ws, event] = parameters;
    this.calls.push({ name, self: this, ws, event, parameterCount: parameters.length, status: ws.status });
  }
}
