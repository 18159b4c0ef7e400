/** y-websocket: two documents that become the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from '../../../dist/ws.mjs';
import { setupWSConnection } from '@y/websocket-server/utils';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(wss, 'listening');
wss.on('connection', (socket, request) => setupWSConnection(socket, request));
const url = `ws://127.0.0.1:${wss.address().port}`;
const documents = [new Y.Doc(), new Y.Doc()];
const providers = documents.map(
  (document) => new WebsocketProvider(url, 'room', document, { WebSocketPolyfill: WebSocket, disableBc: true }),
);
await Promise.all(providers.map((provider) => new Promise((resolve) => provider.once('sync', resolve))));
const [left, right] = documents.map((document) => document.getText('text'));
const until = (isSo, document) =>
  new Promise((resolve) => {
    const look = () => isSo() && resolve();
    document.on('update', look);
    look();
  });
left.insert(0, 'left ');
right.insert(0, 'right ');
const hasBoth = (text) => () => text.toString().includes('left ') && text.toString().includes('right ');
await Promise.all([until(hasBoth(left), documents[0]), until(hasBoth(right), documents[1])]);
assert.equal(left.toString(), right.toString());
for (const provider of providers) provider.destroy();
for (const socket of wss.clients) socket.terminate();
wss.close();
process.exit(0);
