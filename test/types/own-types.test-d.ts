/** Rule 215: options and handlers of the user's own types, checked by `npm run typecheck`. Nothing here runs. */
import { expectTypeOf } from 'vitest';
import {
  accept,
  type AcceptOptions,
  type AnswerHeaders,
  type BroadcastOptions,
  type CompressionOptions,
  type ConnectionHandler,
  type DrainOptions,
  type GlobalLimits,
  type MessageEvent,
  processVariables,
  type ReconnectOptions,
  refuse,
  type RefuseOptions,
  type SendOptions,
  type ServeOptions,
  type ServerHandler,
  setGlobalLimits,
  WebServer,
  type WebServerSettings,
  WebSocket,
  type WebSocketConnection,
  type WebSocketHandler,
  type WebSocketOptions,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';

// Exported types can be passed to the calls that they belong to.

interface Passed {
  readonly accept: AcceptOptions<{ readonly name: string }>;
  readonly broadcast: BroadcastOptions;
  readonly client: WebSocketOptions;
  readonly compression: CompressionOptions;
  readonly drain: DrainOptions;
  readonly handler: ServerHandler;
  readonly headers: AnswerHeaders;
  readonly limits: GlobalLimits;
  readonly listener: WebSocketHandler;
  readonly reconnect: ReconnectOptions;
  readonly refusal: RefuseOptions;
  readonly send: SendOptions;
  readonly serve: ServeOptions;
  readonly server: WebSocketServerOptions;
  readonly settings: WebServerSettings;
  readonly user: ConnectionHandler<string, { readonly name: string }>;
}

export async function passing(given: Passed, wss: WebSocketServer, ws: WebSocket): Promise<void> {
  WebSocketServer.new(given.handler, given.server);
  WebSocketServer.new(given.handler, { ...given.server, compression: given.compression });
  await WebSocketServer.serve(given.handler, given.serve);
  await WebSocket.new('', given.listener, { ...given.client, reconnect: given.reconnect });
  await WebSocket.connect('', given.listener, given.client);
  expectTypeOf(new WebSocket('', given.listener, given.client)).toEqualTypeOf<WebSocket>();
  ws.send('', given.send);
  wss.broadcast('', given.broadcast);
  wss.broadcast('', given.send);
  await wss.drain(given.drain);
  accept(given.user, given.accept);
  refuse(401, '', given.headers);
  refuse(401, given.refusal, given.headers);
  setGlobalLimits(given.limits);
  await new WebServer(given.settings).start(given.settings);
}

// With options whose dataType is not known, the handler says what arrives; a literal gets unknown.

interface Move {
  readonly x: number;
}

export function unknownType(moves: ServerHandler<Move>, options: WebSocketServerOptions): void {
  expectTypeOf(WebSocketServer.new(moves, options)).toExtend<WebSocketServer<Move> | null>();
  WebSocketServer.new(
    { onConnection: () => ({ onMessage: (_ws, { data }) => expectTypeOf(data).toBeUnknown() }) },
    options,
  );
}

// handler, of connection and server, has the user's own type.

class Player {
  readonly name: string = 'Ada';
  onMessage(ws: WebSocketConnection<Move, unknown, Player, Lobby>, event: MessageEvent<Move>): void {
    expectTypeOf(ws.handler).toEqualTypeOf<Player>();
    expectTypeOf(ws.wss.handler.count).toBeNumber();
    expectTypeOf(event.data).toEqualTypeOf<Move>();
    for (const other of ws.wss.connections) expectTypeOf(other.handler.name).toBeString();
  }
}

class Lobby {
  count = 0;
  async onConnection(wss: WebSocketServer<Move, unknown, Lobby>): Promise<Player | null> {
    wss.handler.count++;
    return wss.connections.length > 10 ? null : new Player();
  }
}

export const lobby = WebSocketServer.new(new Lobby(), { dataType: 'object' });
expectTypeOf(lobby).toEqualTypeOf<WebSocketServer<Move, unknown, Lobby> | null>();
expectTypeOf(lobby!.handler).toEqualTypeOf<Lobby>();
expectTypeOf(lobby!.connections[0]!.handler).toEqualTypeOf<Player>();
expectTypeOf(lobby!.connections[0]!.wss.handler).toEqualTypeOf<Lobby>();

class Guest {
  readonly color: string = 'red';
  onMessage(): void {}
}

export const accepting = WebSocketServer.new({
  guests: 0,
  onConnection() {
    return Math.random() > 0.5 ? refuse(503) : accept(new Guest(), { data: { name: 'Ada' } });
  },
});
expectTypeOf(accepting!.handler.guests).toBeNumber();
expectTypeOf(accepting!.connections[0]!.handler).toEqualTypeOf<Guest>();
expectTypeOf(accepting!.connections[0]!.data).toEqualTypeOf<{ name: string }>();

// The type of data is found in accept(), in the parameter of onConnection, and in that of onMessage.

interface User {
  readonly name: string;
}

class UserChat {
  onMessage(ws: WebSocketConnection<string, User>): void {
    ws.send(ws.data.name);
  }
}
export const byChat = WebSocketServer.new({ onConnection: () => new UserChat() });
expectTypeOf(byChat!.connections[0]!.data).toEqualTypeOf<User>();
export const byServer = WebSocketServer.new({
  onConnection: (_wss: WebSocketServer<string, User>) => ({ onMessage() {} }),
});
expectTypeOf(byServer!.connections[0]!.data).toEqualTypeOf<User>();

// Any server and connection is one of the plain type.

export function plain(
  wss: WebSocketServer<Move, unknown, Lobby>,
  ws: WebSocketConnection<Move, unknown, Player, Lobby>,
): void {
  expectTypeOf(wss).toExtend<WebSocketServer<Move>>();
  expectTypeOf(ws).toExtend<WebSocketConnection<Move>>();
  wss.broadcast('', { except: ws });
}

interface Variables {
  wss?: WebSocketServer;
}
expectTypeOf(processVariables<Variables>().wss).toEqualTypeOf<WebSocketServer | undefined>();
expectTypeOf(processVariables()).toEqualTypeOf<Record<string, unknown>>();

// A misspelt callback: what TypeScript says stands in messages.test.ts.

class Chat {
  onMessage(): void {}
  onClose(): void {}
}
// @ts-expect-error -- of another library
export const foreign = WebSocketServer.new({ onConnection: () => new Chat() }, { path: '/' });
// @ts-expect-error -- two letters swapped, in the handler of the server
export const swapped = WebSocketServer.new({ onConnection: () => null, onOpne() {} });
// @ts-expect-error -- the case, in a promise
export const promised = WebSocketServer.new({ onConnection: async () => ({ onMessage() {}, ontErminate() {} }) });
// @ts-expect-error -- a letter missing
export const accepted = accept({ onMessage() {}, onDran() {} });
// @ts-expect-error -- a letter wrong
export const served = WebSocketServer.serve({ onConnection: () => ({ onMessage() {}, onErrar() {} }) }, { port: 0 });

/** Methods of the user's own are none, nor is what is no function. */
export const ownMethods = WebSocketServer.new({
  onClose: 'at night',
  onConnection: () => ({
    onMessage: (ws, { data }) => ws.send(data.trim()),
    onLogin() {},
    close() {},
    name: 'x',
    onData: [1],
  }),
});
