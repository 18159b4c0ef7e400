/** The classes of the door `ws` where the types of the package `ws` are asked for. Nothing here runs. */
import type { Server as HttpServer } from 'node:http';
import { expectTypeOf } from 'vitest';
import type * as ws from 'ws';
import { createWebSocketStream, WebSocket, WebSocketServer } from '../../src/ws.ts';

declare function takesSocket(socket: ws.WebSocket): void;
declare function takesClass(socket: typeof ws.WebSocket): void;
declare function takesServer(server: ws.WebSocketServer): void;
declare const http: HttpServer;

const options = {
  server: http,
  path: '/',
  maxPayload: 1,
  perMessageDeflate: { threshold: 1 },
} satisfies ws.ServerOptions;
const wss = new WebSocketServer({
  server: http,
  path: '/',
  handleProtocols: (protocols) => [...protocols][0] ?? false,
});
const clientOptions = {
  headers: { a: 'b' },
  handshakeTimeout: 1,
  followRedirects: true,
} satisfies ws.ClientOptions;
const socket = new WebSocket('ws://127.0.0.1', ['a'], clientOptions);

takesSocket(socket);
takesServer(wss);
takesClass(WebSocket);
export const stream = createWebSocketStream(socket, { encoding: 'utf8' });
export const also = new WebSocketServer(options);

wss.on('connection', (webSocket, request) => {
  expectTypeOf(webSocket).toEqualTypeOf<WebSocket>();
  expectTypeOf(request.url).toEqualTypeOf<string | undefined>();
});
socket.on('message', (data: ws.RawData, isBinary) => {
  expectTypeOf(isBinary).toBeBoolean();
  return data;
});
socket.addEventListener('message', ({ data }) => data);
socket.send([1, 2, 3], { binary: true }, (error) => error?.message);
