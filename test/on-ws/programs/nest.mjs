/** NestJS with WsAdapter, which requires `ws` itself: the `overrides` of package.json give it this door. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from '../../../dist/ws.mjs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

let server;
class Gateway {
  handleConnection(socket) {
    server = socket;
  }

  echo(data) {
    return { event: 'echoed', data };
  }
}
MessageBody()(Gateway.prototype, 'echo', 0);
ConnectedSocket()(Gateway.prototype, 'echo', 1);
SubscribeMessage('echo')(Gateway.prototype, 'echo', Object.getOwnPropertyDescriptor(Gateway.prototype, 'echo'));
WebSocketGateway({ path: '/chat' })(Gateway);
class App {}
Module({ providers: [Gateway] })(App);

const app = await NestFactory.create(App, { logger: false });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
const client = new WebSocket(`${(await app.getUrl()).replace('http', 'ws')}/chat`);
await once(client, 'open');
client.send(JSON.stringify({ event: 'echo', data: { text: 'hi' } }));
const [answer] = await once(client, 'message');
assert.deepEqual(JSON.parse(String(answer)), { event: 'echoed', data: { text: 'hi' } });
assert.ok(server instanceof WebSocket);
client.close();
await once(client, 'close');
await app.close();
