/**
 * A server, a client that is refused, and a client that sends a text and bytes with all kinds of secrets. Prints nothing
 * itself: what NODE_DEBUG asks for is to be seen.
 */
import { request } from 'node:http';
import { WebServer, WebSocket, WebSocketServer } from '../../src/index.ts';

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
await web.start();
const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, { data }) => void ws.send(data) }) },
  { webServer: web, path: '/chat', dataType: 'blob' },
);
const headers = { Cookie: 'session=geheim', Authorization: 'Bearer geheim' };
await new Promise<void>((resolve) => {
  const handler = {
    headers,
    dataType: 'blob' as const,
    onOpen: (ws: WebSocket<Uint8Array>) => {
      ws.send('geheim');
      ws.send(Buffer.alloc(70_000, 'geheim'));
    },
    onMessage: (ws: WebSocket<Uint8Array>, { data }: { data: Uint8Array }) => {
      if (data.length > 6) ws.terminate();
    },
    onTerminate: () => resolve(),
  };
  void WebSocket.new(`ws://geheim:geheim@127.0.0.1:${web.HTTPPort}/chat?token=geheim`, handler);
});
const upgrade = {
  ...headers,
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  Origin: 'http://geheim:geheim@evil.example',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const refused = request({ port: web.HTTPPort, host: '127.0.0.1', path: '/chat?token=geheim', headers: upgrade });
await new Promise<void>((resolve) => {
  refused.on('response', (response) => response.resume().on('end', () => resolve()));
  refused.end();
});
await wss?.drain();
await web.stop();
