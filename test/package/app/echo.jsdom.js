const { spawn } = require('node:child_process');
const { join } = require('node:path');
const { WebSocket, WebSocketServer } = require('4d-websocket');
const door = require('4d-websocket/browser');

let server;
let url;
beforeAll(async () => {
  server = spawn(process.execPath, [join(__dirname, 'echo-server.js')], { stdio: ['pipe', 'pipe', 'inherit'] });
  url = String(await new Promise((resolve) => server.stdout.once('data', resolve))).trim();
});
afterAll(() => server.stdin.end());

test("the client goes over jsdom's WebSocket", async () => {
  const received = [];
  await new Promise((resolve, reject) => {
    const handler = {
      dataType: 'auto',
      onMessage(ws, event) {
        if (received.push(event.data) === 2) ws.terminate(4000, 'done');
      },
      onTerminate: (_, { code }) => resolve(received.push(code)),
    };
    WebSocket.connect(url, handler).then((ws) => {
      ws.send('hello');
      ws.send(Uint8Array.of(104, 105));
    }, reject);
  });
  expect(received).toEqual(['hello', Uint8Array.of(104, 105), 4000]);
});

test('both doors give one class, and a server says why there is none', () => {
  expect(WebSocket).toBe(door.WebSocket);
  expect(() => WebSocketServer.new({})).toThrow('WebSocketServer does not exist in a browser');
});
