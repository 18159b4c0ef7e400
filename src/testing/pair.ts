import type { WebSocketHandler } from '../client/web-socket.ts';
import type { DataOf, Spelt, TypeOf } from '../server/handler-types.ts';
import type { ServerHandler } from '../server/web-socket-server.ts';
import type { DataType } from '../session/message-types.ts';
import { readOptions } from '../session/option-checks.ts';
import {
  type ClientInMemoryOptions,
  type DataOfType,
  MemoryServer,
  restoringClock,
  type ServerEnd,
  type ServerInMemory,
  type ServerInMemoryOptions,
  type TestClient,
} from './server-in-memory.ts';

/** Options of {@link createPair}. */
export interface PairOptions<D extends DataType = DataType> extends ServerInMemoryOptions<D> {
  /** Options of the client: all but `proxy` and `tls`. */
  readonly client?: ClientInMemoryOptions | undefined;
}

const PAIR_KEYS: ReadonlySet<string> = new Set<keyof PairOptions>([
  'client',
  'server',
  'url',
  'remoteAddress',
  'waitMs',
  'clock',
]);

/** A server and its first client, joined in memory. */
export interface Pair<T, Data, Handler, CT> extends ServerInMemory<T, Data, Handler> {
  readonly client: TestClient<CT, ServerEnd<T, Data, Handler>>;
  /** The newest connection of {@link client} at the server's end. */
  readonly connection: ServerEnd<T, Data, Handler>;
  /**
   * The line of {@link client}: the same as `client.line`. Clients that the program itself creates, with {@link url}, are
   * not on it, and have no faults: `serveInMemory` has a line for them.
   */
  readonly line: ServerInMemory<T, Data, Handler>['line'];
}

/** Implements {@link Pair}. */
class MemoryPair extends MemoryServer {
  client!: Awaited<ReturnType<MemoryServer['connect']>>;

  get connection(): (typeof this.client)['connection'] {
    return this.client.connection;
  }
}

/**
 * Starts a server in memory, without a port. Everything else is as over TCP: handshake, paths, origins, limits,
 * compression.
 *
 * @param handler - the server handler under test
 * @throws FourDError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`, `ERR_INVALID_HANDLER` or another one of
 *   `WebSocketServer.new`
 */
export function serveInMemory<
  D extends DataType = 'text',
  Handler extends ServerHandler<DataOfType<D>> = ServerHandler<DataOfType<D>>,
>(
  handler: Handler & Spelt<Handler>,
  options: ServerInMemoryOptions<D> = {},
): ServerInMemory<TypeOf<Handler, DataOfType<D>>, DataOf<Handler, unknown>, Handler> {
  return restoringClock(options.clock, () => new MemoryServer('serveInMemory', handler, options)) as never;
}

/**
 * Starts a server in memory and connects a client to it: no port, and the whole library in between.
 *
 * @param serverHandler - as for `WebSocketServer.new`
 * @param clientHandler - as for `new WebSocket`; may be left out: what arrives is recorded anyway
 * @returns resolves when onOpen of both ends has begun
 * @throws FourDError (as a rejection) of a wrong argument, of `WebSocketServer.new`, or of connecting, such as
 *   `ERR_HANDSHAKE_REFUSED` with its `httpStatus`; the server has ended then
 */
export async function createPair<
  D extends DataType = 'text',
  Handler extends ServerHandler<DataOfType<D>> = ServerHandler<DataOfType<D>>,
  CD extends DataType = 'text',
  CT = DataOfType<CD>,
>(
  serverHandler: Handler & Spelt<Handler>,
  clientHandler?: (WebSocketHandler<CT> & { readonly dataType?: CD }) | null,
  options: PairOptions<D> = {},
): Promise<Pair<TypeOf<Handler, DataOfType<D>>, DataOf<Handler, unknown>, Handler, CT>> {
  const { client, ...server } = readOptions(options, PAIR_KEYS, 'HTTP');
  const pair = restoringClock(server.clock, () => new MemoryPair('createPair', serverHandler, server));
  try {
    pair.client = await pair.connect(clientHandler, client);
    pair.line = pair.client.line;
  } catch (error) {
    await pair.end();
    throw error;
  }
  return pair as never;
}
