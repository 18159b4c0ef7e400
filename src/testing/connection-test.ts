import { accept } from '../server/answers.ts';
import type { ConnectionHandler, WebSocketConnection } from '../server/web-socket-connection.ts';
import type { DataType, SendableMessage } from '../session/message-types.ts';
import type { ErrorEvent, TerminateEvent } from '../session/events.ts';
import { hasCallback } from '../session/call-handler.ts';
import { readOptions } from '../session/option-checks.ts';
import { describeKind, invalidArgument } from './arguments.ts';
import type { EventsByType } from './event-types.ts';
import type { Line } from './line.ts';
import { describeError, type RecordedEvent } from './recording.ts';
import { type DataOfType, MemoryServer, restoringClock, type ServerInMemoryOptions } from './server-in-memory.ts';
import { settle } from './test-clock.ts';
import type { Received, TestSocket } from './test-end.ts';

/** A masked text frame with a reserved bit, which no client may send (RFC 6455 section 5.2). */
const INVALID_FRAME = Uint8Array.of(0xc1, 0x80, 0, 0, 0, 0);

/** Options of {@link testConnection}. */
export interface ConnectionTestOptions<D extends DataType = DataType, Data = unknown> extends ServerInMemoryOptions<D> {
  /** The `data` of the connection. */
  readonly data?: Data | undefined;
  /** The subprotocol of the connection. Default none. */
  readonly protocol?: string | undefined;
  /** Headers of the handshake request, such as `cookie`. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

const KEYS: ReadonlySet<string> = new Set<keyof ConnectionTestOptions>([
  'data',
  'protocol',
  'headers',
  'server',
  'url',
  'remoteAddress',
  'waitMs',
  'clock',
]);

/** One connection handler under test, with the connection that it has. The test plays the client. */
export interface ConnectionTest<T, Data> extends Received<T> {
  /** The connection that the callbacks get. */
  readonly ws: WebSocketConnection<T, Data>;
  /** What the connection has sent and the client has got, as it was on the wire: an object is its JSON. */
  readonly sent: readonly (string | Uint8Array)[];
  /** Resolves to the next message of the connection that no earlier call has returned. @see Received.nextMessage */
  nextSent(): Promise<string | Uint8Array>;
  /**
   * Sends a message of the client: a text, bytes, or an object as its JSON. Resolves when onMessage is over, its promise
   * included, and what it has sent is in {@link sent}; also when the connection ends instead.
   */
  receive(message: SendableMessage): Promise<void>;
  /** Closes the connection from the client's side. Resolves when onTerminate is over. */
  close(code?: number, reason?: string): Promise<TerminateEvent>;
  /**
   * Lets the connection fail: `'lost'`, the default, by a reset, or `'protocol'` by a frame that is not allowed. Resolves
   * to the event of onError.
   */
  error(kind?: 'lost' | 'protocol'): Promise<ErrorEvent>;
  /** The line to the client, and what is wrong with it. */
  readonly line: Line;
  /** Ends the connection and its server. */
  end(): Promise<void>;
  /** Ends all: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Implements {@link ConnectionTest} with a server in memory. */
class MemoryConnectionTest implements ConnectionTest<unknown, unknown> {
  readonly #server: MemoryServer;
  readonly #client: Awaited<ReturnType<MemoryServer['connect']>>;
  readonly #connection: TestSocket<unknown, WebSocketConnection>;
  #receivedCount = 0;

  constructor(server: MemoryServer, client: Awaited<ReturnType<MemoryServer['connect']>>) {
    this.#server = server;
    this.#client = client;
    this.#connection = client.connection;
  }

  get ws(): WebSocketConnection<unknown> {
    return this.#connection.ws;
  }

  get sent(): readonly (string | Uint8Array)[] {
    return this.#client.messages as (string | Uint8Array)[];
  }

  get line(): Line {
    return this.#client.line;
  }

  get messages(): readonly unknown[] {
    return this.#connection.messages;
  }

  get events(): readonly RecordedEvent[] {
    return this.#connection.events;
  }

  get callbacks(): readonly string[] {
    return this.#connection.callbacks;
  }

  get errors(): readonly ErrorEvent[] {
    return this.#connection.errors;
  }

  get ending(): TerminateEvent | undefined {
    return this.#connection.ending;
  }

  nextSent(): Promise<string | Uint8Array> {
    return this.#client.nextMessage() as Promise<string | Uint8Array>;
  }

  nextMessage(): Promise<unknown> {
    return this.#connection.nextMessage();
  }

  nextMessages(count: number): Promise<unknown[]> {
    return this.#connection.nextMessages(count);
  }

  nextEvent<Type extends keyof EventsByType>(type: Type): Promise<EventsByType[Type]> {
    return this.#connection.nextEvent(type);
  }

  eventsOf<Type extends keyof EventsByType>(type: Type): EventsByType[Type][] {
    return this.#connection.eventsOf(type);
  }

  ended(): Promise<TerminateEvent> {
    return this.#connection.ended();
  }

  async receive(message: SendableMessage): Promise<void> {
    if (this.#client.ws.status !== 'Connected') {
      const [failed] = this.errors;
      const why = failed === undefined ? '' : ` with ${describeError(failed.error)}`;
      throw invalidArgument('receive', `the connection has ended${why}: create another one with testConnection()`);
    }
    this.#client.send(message);
    await this.#connection.handled(++this.#receivedCount);
    await settle(2);
  }

  async close(code?: number, reason?: string): Promise<TerminateEvent> {
    this.#client.ws.terminate(code, reason);
    const event = await this.#connection.ended();
    await this.#connection.finished();
    return event;
  }

  async error(kind: 'lost' | 'protocol' = 'lost'): Promise<ErrorEvent> {
    if (kind === 'lost') this.line.cut();
    else if (kind === 'protocol') this.line.inject(INVALID_FRAME);
    else throw invalidArgument('error', "it takes 'lost' or 'protocol'");
    const event = await this.#connection.nextEvent('error');
    await this.#connection.finished();
    return event;
  }

  end(): Promise<void> {
    return this.#server.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

/**
 * Gives a connection handler a connection, and lets the test play the client. The connection, its server and the
 * protocol are those of the library; nothing opens a port.
 *
 * @param handler - the handler that `onConnection` would return
 * @returns resolves when onOpen is over
 * @throws FourDError (as a rejection) `ERR_INVALID_ARGUMENT`, or that of an option
 */
export async function testConnection<D extends DataType = 'text', T = DataOfType<D>, Data = unknown>(
  handler: ConnectionHandler<T, Data>,
  options: ConnectionTestOptions<D, Data> = {},
): Promise<ConnectionTest<T, Data>> {
  if (typeof handler !== 'object' || handler === null || !hasCallback(handler, 'onMessage')) {
    const isOfServer = typeof handler === 'object' && handler !== null && hasCallback(handler, 'onConnection');
    const received = isOfServer ? 'the handler of a server, for which createPair() is' : describeKind(handler);
    const problem = `it takes the handler of a connection, an object with onMessage; received ${received}`;
    throw invalidArgument('testConnection', problem);
  }
  const { data, protocol, headers, ...rest } = readOptions(options, KEYS, 'HTTP');
  const offered = protocol === undefined ? undefined : [protocol];
  const answer = accept(handler, { data, protocol });
  const create = (): MemoryServer => new MemoryServer('testConnection', { onConnection: () => answer }, rest);
  const server = restoringClock(rest.clock, create);
  try {
    const { compression } = rest.server ?? {};
    const client = await server.connect({ dataType: 'auto', headers }, { protocols: offered ?? [], compression });
    const test = new MemoryConnectionTest(server, client);
    await client.connection.finished();
    await settle(2);
    return test as unknown as ConnectionTest<T, Data>;
  } catch (error) {
    await server.end();
    throw error;
  }
}
