import { connect } from 'node:net';
import { WebServer, WebSocket, WebSocketServer } from './src/index.ts';
const web = new WebServer({ HTTPPort: 8080, IPAddressToListen: '127.0.0.1' });
const { errors } = await web.start();
if (errors) throw errors[0];
const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));
const which = process.argv[2];
const wss = WebSocketServer.new(
  {
    onConnection: () =>
      which === 'slow'
        ? {
            onMessage() {},
            async onOpen(ws) {
              for (let i = 0; i < 400; i++) {
                ws.send('x'.repeat(100_000));
                if (i % 20 === 0) await wait(1);
              }
            },
          }
        : { onMessage: (ws, { data }) => void ws.send(data) },
  },
  { webServer: web, path: '/chat' },
);
await wait(10);
if (which === 'refused') {
  const res = await fetch;
  void res;
  const { request } = await import('node:http');
  const r = request({
    port: 8080,
    host: '127.0.0.1',
    path: '/chat?token=1',
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      Origin: 'https://shop.example',
      'Sec-WebSocket-Version': 13,
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  });
  r.on('response', (x) => x.resume());
  r.end();
  await wait(50);
  await WebSocket.new('ws://127.0.0.1:8080/chatt', {}).catch(() => {});
} else if (which === 'lost') {
  const ws = await WebSocket.new(
    'ws://127.0.0.1:8080/chat',
    { onOpen: (s) => void s.send('hello') },
    { reconnect: { minDelayMs: 100, maxDelayMs: 200 } },
  );
  await wait(50);
  wss!.connections[0]!.destroy();
  await wait(400);
  ws!.terminate();
  await wait(50);
} else {
  const s = connect(8080, '127.0.0.1');
  s.on('error', () => {});
  s.write(
    'GET /chat HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await wait(300);
  s.destroy();
  await wait(50);
}
process.exit(0);
