/** Types of the server and its connections, checked by `npm run typecheck`. Nothing here runs. */
import { createServer } from 'node:http';
import { expectTypeOf } from 'vitest';
import {
  accept,
  bearerToken,
  type ConnectionEvent,
  type ConnectionHandler,
  type ErrorEvent,
  type MessageEvent,
  type OpenEvent,
  refuse,
  type RefusalCause,
  type RefuseEvent,
  type RefuseOptions,
  type RequestInfo,
  type ServerHandler,
  type ServerTerminateEvent,
  secretsEqual,
  WebServer,
  WebSocketConnection,
  WebSocketServer,
} from '../../src/index.ts';

interface Move {
  readonly x: number;
  readonly y: number;
}

// The type of event.data follows dataType.

export const text = WebSocketServer.new({
  onConnection: () => ({
    onMessage(ws, event) {
      expectTypeOf(event.data).toEqualTypeOf<string>();
      expectTypeOf(ws).toEqualTypeOf<WebSocketConnection>();
    },
  }),
});
expectTypeOf(text).toExtend<WebSocketServer | null>();

export const blob = WebSocketServer.new(
  {
    onConnection: () => ({
      onMessage: (ws, event) => {
        expectTypeOf(event.data).toEqualTypeOf<Uint8Array>();
        expectTypeOf(ws).toEqualTypeOf<WebSocketConnection<Uint8Array>>();
      },
    }),
  },
  { dataType: 'blob' },
);
expectTypeOf(blob).toExtend<WebSocketServer<Uint8Array> | null>();

export const borrowing = [true, false, 'poison' as const, undefined].map((borrowed) =>
  WebSocketServer.new(
    { onConnection: () => ({ onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Uint8Array>() }) },
    { dataType: 'blob', borrowed },
  ),
);
// @ts-expect-error borrowed is true, false or 'poison'
WebSocketServer.new({ onConnection: () => null }, { dataType: 'blob', borrowed: 'spoil' });

export const object = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (_ws, event) => expectTypeOf(event.data).toBeUnknown() }) },
  { dataType: 'object', path: '/objects' },
);
expectTypeOf(object).toExtend<WebSocketServer<unknown> | null>();

export const own = WebSocketServer.new<Move>(
  { onConnection: () => ({ onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Move>() }) },
  { dataType: 'object' },
);
expectTypeOf(own).toExtend<WebSocketServer<Move> | null>();

// Server classes that accept, refuse, and decide asynchronously.

class Shout {
  onOpen(ws: WebSocketConnection): void {
    ws.send('Welcome');
  }
  onMessage(ws: WebSocketConnection, event: MessageEvent): void {
    ws.send(event.data.toUpperCase());
  }
}

class Door {
  onConnection(_wss: WebSocketServer, event: ConnectionEvent): Shout | null {
    return event.request.query['token'] === 'abc' ? new Shout() : null;
  }
}
expectTypeOf(WebSocketServer.new(new Door(), { path: '/shout', dataType: 'text' })).toExtend<WebSocketServer | null>();

class SlowDoor implements ServerHandler<Move> {
  async onConnection(wss: WebSocketServer<Move>): Promise<ConnectionHandler<Move> | undefined> {
    await Promise.resolve();
    return wss.connections.length > 10 ? undefined : { onMessage: (ws, event) => ws.send(event.data) };
  }
  onOpen(_wss: WebSocketServer<Move>, event: OpenEvent): void {
    expectTypeOf(event.type).toEqualTypeOf<'open'>();
  }
  onError(_wss: WebSocketServer<Move>, event: ErrorEvent): void {
    expectTypeOf(event.type).toEqualTypeOf<'error'>();
  }
  async onTerminate(_wss: WebSocketServer<Move>, event: ServerTerminateEvent): Promise<void> {
    expectTypeOf(event.type).toEqualTypeOf<'terminate'>();
    await Promise.resolve();
  }
}
expectTypeOf(WebSocketServer.new(new SlowDoor(), { dataType: 'object' })).toExtend<WebSocketServer<Move> | null>();

export async function serving(): Promise<void> {
  const servedText = await WebSocketServer.serve(
    { onConnection: () => ({ onMessage: (ws, { data }) => ws.send(data.toUpperCase()) }) },
    { port: 8080, host: '127.0.0.1', tls: { key: '', cert: new Uint8Array() }, rootFolder: 'public', path: '/' },
  );
  expectTypeOf(servedText).toExtend<WebSocketServer>();
  expectTypeOf(servedText.url).toEqualTypeOf<string>();
  const servedOwn = await WebSocketServer.serve(new SlowDoor(), { dataType: 'object' });
  expectTypeOf(servedOwn).toExtend<WebSocketServer<Move>>();
  const servedBlob = await WebSocketServer.serve(
    { onConnection: () => ({ onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Uint8Array>() }) },
    { dataType: 'blob' },
  );
  expectTypeOf(servedBlob).toExtend<WebSocketServer<Uint8Array>>();
  expectTypeOf(await WebSocketServer.serve(new CarefulDoor())).toExtend<WebSocketServer<string, User>>();
  // @ts-expect-error -- serve() makes an HTTP server of its own
  await WebSocketServer.serve(new Door(), { webServer: createServer() });
}

export const onServers = [
  WebSocketServer.new(new Door(), { webServer: new WebServer() }),
  WebSocketServer.new(new Door(), { webServer: createServer() }),
];

// accept() and refuse() with options, and the data of connections.

interface User {
  readonly name: string;
}

class Chat implements ConnectionHandler<string, User> {
  onMessage(ws: WebSocketConnection<string, User>, event: MessageEvent): void {
    for (const { data } of ws.wss.connections) expectTypeOf(data).toEqualTypeOf<User>();
    ws.data = { name: event.data };
    // @ts-expect-error -- not a user
    ws.data = 5;
  }
}

class CarefulDoor implements ServerHandler<string, User> {
  onConnection(wss: WebSocketServer<string, User>, event: ConnectionEvent) {
    expectTypeOf(bearerToken(event.request)).toEqualTypeOf<string | undefined>();
    if (!secretsEqual(bearerToken(event.request), process.env['TOKEN'])) return refuse(401, { error: 'who are you?' });
    if (wss.connections.some(({ data }) => data.name === 'Ada'))
      return refuse(409, 'already here', { 'x-name': 'Ada' });
    return accept(new Chat(), { data: { name: 'Ada' }, headers: { 'set-cookie': ['a=1', 'b=2'] }, protocol: 'chat' });
  }
}
expectTypeOf(
  WebSocketServer.new(new CarefulDoor(), {
    origins: (origin, { headers }) => origin === headers['host'],
    hosts: ['example.com', '*.example.com:8443'] as const,
    trustedProxies: ['::1'],
  }),
).toExtend<WebSocketServer<string, User> | null>();

export const watched = WebSocketServer.new(
  {
    onConnection: () => refuse(401, { closeCode: 4401, reason: 'sign in' }, { 'x-a': '1' }),
    onRefuse: (wss, event) => {
      expectTypeOf(wss).toEqualTypeOf<WebSocketServer>();
      expectTypeOf(event).toEqualTypeOf<RefuseEvent>();
      expectTypeOf(event.cause).toEqualTypeOf<RefusalCause>();
      expectTypeOf(event.request).toEqualTypeOf<RequestInfo>();
    },
  },
  { webServer: null },
);
createServer().on('upgrade', (...upgrade) => watched?.handleUpgrade(...upgrade));

export const inline = WebSocketServer.new({
  onConnection: async (_wss, { request: { url } }) =>
    url === '/'
      ? accept({ onMessage: (ws, event) => void ws.send(event.data.toUpperCase()) }, { headers: { 'x-a': '1' } })
      : refuse(404),
});

export function session(connection: WebSocketConnection): void {
  expectTypeOf(connection.data).toBeUnknown();
  expectTypeOf(connection.request).toEqualTypeOf<RequestInfo>();
  expectTypeOf(connection.expiresAt).toEqualTypeOf<number | undefined>();
  connection.expiresAt = new Date();
  connection.expiresAt = Date.now();
  connection.expiresAt = undefined;
  // @ts-expect-error -- not a string
  connection.expiresAt = '2030-01-01';
}

// Uses that the compiler must refuse.

// @ts-expect-error -- data of another kind
export const wrongData = accept<string, User>(new Chat(), { data: 5 });

// @ts-expect-error -- a close code is a number
export const wrongCloseCode: RefuseOptions = { closeCode: '4401' };

// @ts-expect-error -- a number is not a body
export const wrongBody = refuse(403, 5);

// @ts-expect-error -- onConnection is mandatory
export const noDoor = WebSocketServer.new({ onOpen() {} });

// @ts-expect-error -- the handler that onConnection returns has no onMessage
export const noMessage = WebSocketServer.new({ onConnection: () => ({ onOpen() {} }) });

// @ts-expect-error -- an unknown data type
export const unknownDataType = WebSocketServer.new(new Door(), { dataType: 'json' });

// @ts-expect-error -- a text handler for a server of bytes
export const wrongDoor = WebSocketServer.new(new Door(), { dataType: 'blob' });

// @ts-expect-error -- an option that does not exist
export const noOption = WebSocketServer.new(new Door(), { port: 8080 });

// @ts-expect-error -- the constructor is not public
export const noConstructor = new WebSocketServer(new Door(), {});

// @ts-expect-error -- connections are made by servers
export const noConnection = new WebSocketConnection();

export function members(wss: WebSocketServer<Move>, connection: WebSocketConnection<Move>): void {
  expectTypeOf(wss.connections).toEqualTypeOf<readonly WebSocketConnection<Move>[]>();
  expectTypeOf(wss.path).toEqualTypeOf<string | undefined>();
  expectTypeOf(wss.terminated).toBeBoolean();
  expectTypeOf(connection.wss).toEqualTypeOf<WebSocketServer<Move>>();
  expectTypeOf(connection.handler).toEqualTypeOf<ConnectionHandler<Move>>();
  // @ts-expect-error -- read-only
  wss.path = '/other';
  // @ts-expect-error -- read-only
  wss.dataType = 'text';
  // @ts-expect-error -- read-only
  wss.terminated = true;
  // @ts-expect-error -- a read-only array
  wss.connections.push(connection);
  // @ts-expect-error -- read-only
  connection.wss = wss;
  // @ts-expect-error -- read-only
  connection.status = 'Closed';
  wss.terminate();
  wss.terminate(1);
  // @ts-expect-error -- the timeout is not a number
  wss.terminate('1');
  connection.terminate();
  connection.terminate(4000, 'no');
  expectTypeOf(connection.destroy()).toBeVoid();
}

export function request(info: RequestInfo): void {
  expectTypeOf(info.url).toBeString();
  expectTypeOf(info.remoteAddress).toBeString();
  expectTypeOf(info.query['name']!).toEqualTypeOf<string | readonly string[]>();
  expectTypeOf(info.headers['host']!).toEqualTypeOf<string | readonly string[]>();
  // @ts-expect-error -- read-only
  info.query['name'] = 'other';
}
