/** Prints what `require` of each door has loaded. Both doors must have the same classes, however they are loaded. */
import assert from 'node:assert';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const loaded = () =>
  Object.keys(require.cache)
    .map((file) => file.replace(/.*4d-websocket./, ''))
    .join(' ');

const library = require('4d-websocket');
console.log(loaded());
const kit = require('4d-websocket/testing');
console.log(loaded());

const [importedLibrary, importedKit] = [await import('4d-websocket'), await import('4d-websocket/testing')];
assert.equal(importedKit.createPair, kit.createPair);
assert.deepEqual(Object.keys(importedKit).sort(), Object.keys(kit).sort());
const pair = await importedKit.createPair({ onConnection: () => ({ onMessage() {} }) });
for (const { WebSocket, WebSocketConnection, WebSocketServer } of [library, importedLibrary]) {
  assert(pair.client.ws instanceof WebSocket);
  assert(pair.connection.ws instanceof WebSocketConnection);
  assert(pair.wss instanceof WebSocketServer);
}
await pair.end();
