import type {
  Admission,
  ConnectionEvent,
  ErrorEvent,
  OpenEvent,
  ServerTerminateEvent,
  WebSocketServer,
} from '../../src/index.ts';
import { createDeferred } from './deferred.ts';
import { Inbox } from './inbox.ts';
import { RecordingHandler } from './recording-handler.ts';

type ServerCallbackName = 'onOpen' | 'onConnection' | 'onError' | 'onTerminate';
type AnyServerEvent = OpenEvent | ConnectionEvent | ErrorEvent | ServerTerminateEvent;

/** One callback that ran. */
export interface ServerCall {
  readonly name: ServerCallbackName;
  /** `this` of the callback. */
  readonly self: unknown;
  /** First parameter. */
  readonly wss: WebSocketServer<unknown>;
  readonly event: AnyServerEvent;
  readonly parameterCount: number;
  /** Whether the server was over while the callback ran. */
  readonly terminated: boolean;
}

/** Callbacks that a test adds to a recording server handler. Each runs after the call was recorded. */
export interface ServerAdditions {
  onOpen?(wss: WebSocketServer<unknown>): unknown;
  /** Decides about a client. By default each client gets a {@link RecordingHandler} of its own. */
  onConnection?(wss: WebSocketServer<unknown>, event: ConnectionEvent): unknown;
  onError?(wss: WebSocketServer<unknown>, event: ErrorEvent): unknown;
  onTerminate?(wss: WebSocketServer<unknown>, event: ServerTerminateEvent): unknown;
}

/** A server handler that records each call of its callbacks, in order. */
export class RecordingServerHandler {
  readonly calls = new Inbox<ServerCall>();
  /** The handlers that were given to clients, in order. */
  readonly handlers = new Inbox<RecordingHandler>();
  readonly #additions: ServerAdditions;
  readonly #opened = createDeferred();
  readonly #terminated = createDeferred();

  constructor(additions: ServerAdditions = {}) {
    this.#additions = additions;
  }

  /** Names of the callbacks that ran, in order. */
  get names(): ServerCallbackName[] {
    return this.calls.all.map(({ name }) => name);
  }

  /** The events of onConnection. */
  get connectionEvents(): ConnectionEvent[] {
    return this.calls.all.filter(({ name }) => name === 'onConnection').map(({ event }) => event as ConnectionEvent);
  }

  /** The events of onError. */
  get errors(): ErrorEvent[] {
    return this.calls.all.filter(({ name }) => name === 'onError').map(({ event }) => event as ErrorEvent);
  }

  /** Resolves when onOpen begins. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Resolves when onTerminate begins. */
  get terminated(): Promise<void> {
    return this.#terminated.promise;
  }

  /** Resolves to the handler of the next client. */
  nextHandler(): Promise<RecordingHandler> {
    return this.handlers.next();
  }

  onOpen(...parameters: [wss: WebSocketServer<unknown>, event: OpenEvent]): void {
    this.#record('onOpen', parameters);
    this.#opened.resolve();
    return this.#additions.onOpen?.(parameters[0]) as void;
  }

  onConnection(...parameters: [wss: WebSocketServer<unknown>, event: ConnectionEvent]): Admission<unknown> {
    this.#record('onConnection', parameters);
    if (this.#additions.onConnection !== undefined) {
      return this.#additions.onConnection(...parameters) as Admission<unknown>;
    }
    const handler = new RecordingHandler();
    this.handlers.push(handler);
    return handler;
  }

  onError(...parameters: [wss: WebSocketServer<unknown>, event: ErrorEvent]): void {
    this.#record('onError', parameters);
    return this.#additions.onError?.(...parameters) as void;
  }

  onTerminate(...parameters: [wss: WebSocketServer<unknown>, event: ServerTerminateEvent]): void {
    this.#record('onTerminate', parameters);
    this.#terminated.resolve();
    return this.#additions.onTerminate?.(...parameters) as void;
  }

  #record(name: ServerCallbackName, parameters: [wss: WebSocketServer<unknown>, event: AnyServerEvent]): void {
    const [wss, event] = parameters;
    this.calls.push({
      name,
      self: this,
      wss,
      event,
      parameterCount: parameters.length,
      terminated: wss.terminated,
    });
  }
}
