/**
 * Runs in each runtime, in an application that has installed the package: tries one feature after the other, and prints
 * what came of it as JSON. Its arguments are a folder for files, and the certificate in it.
 */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { WebServer, WebSocket, WebSocketServer } from '4d-websocket';

const folder = process.argv[2];
const BYTES = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
const MESSAGES = ['short', 'words and words '.repeat(20_000), 'Grüße an alle', Uint8Array.of(1), BYTES];

function check(condition, problem) {
  if (!condition) throw new Error(problem);
}

const OPTIONS = { host: '127.0.0.1', dataType: 'auto' };
const echo = {
  onConnection: () => ({ onMessage: (connection, event) => void connection.send(event.data) }),
};

/** Sends messages through a client, and checks that they come back. */
async function exchange(url, options, messages = MESSAGES, Client = WebSocket) {
  const received = [];
  let ended;
  const isOver = new Promise((resolve) => void (ended = resolve));
  const ws = await Client.connect(
    url,
    {
      dataType: 'auto',
      onMessage(client, event) {
        received.push(event.data);
        if (received.length === messages.length) client.terminate();
      },
      onTerminate: (_, event) => ended(event),
    },
    options,
  );
  for (const message of messages) ws.send(message);
  const { code, message } = await isOver;
  check(code === 1000, `ended with ${code}: ${message}`);
  messages.forEach((sent, index) => {
    check(Buffer.from(sent).equals(Buffer.from(received[index])), `message ${index} is another one`);
  });
  return ws;
}

const features = {
  async echo() {
    const wss = await WebSocketServer.serve(echo, { ...OPTIONS });
    await exchange(wss.url);
    await wss.drain();
  },
  async compression() {
    const wss = await WebSocketServer.serve(echo, { ...OPTIONS, compression: true });
    const ws = await exchange(wss.url, { compression: true });
    check(ws.responseHeaders['sec-websocket-extensions'].startsWith('permessage-deflate'), 'not negotiated');
    await wss.drain();
  },
  async TLS() {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
    const wss = await WebSocketServer.serve(echo, { ...OPTIONS, tls: { key, cert } });
    await exchange(wss.url, { tls: { ca: cert } });
    await wss.drain();
  },
  async drain() {
    const wss = await WebSocketServer.serve(echo, { ...OPTIONS });
    const codes = [];
    const clients = Array.from({ length: 20 }, () =>
      WebSocket.connect(wss.url, { onTerminate: (_, { code }) => codes.push(code) }),
    );
    await Promise.all(clients);
    await wss.drain();
    while (codes.length < clients.length) await new Promise((resolve) => setImmediate(resolve));
    check(codes.length === 20 && codes.every((code) => code === 1001), `codes ${codes.join()}`);
  },
  async 'static files'() {
    const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1', rootFolder: folder });
    const { success, errors } = await web.start();
    check(success, errors?.[0].message);
    const response = await fetch(`http://127.0.0.1:${web.HTTPPort}/page.txt`, { headers: { range: 'bytes=1-3' } });
    check(response.status === 206 && (await response.text()) === 'ell', 'not the file');
    await web.stop();
  },
  'browser client': browserDoor,
  async 'Unix socket'() {
    const path = join(folder, 'socket');
    const server = createServer();
    await new Promise((resolve) => server.listen(path, resolve));
    const wss = WebSocketServer.new(echo, { dataType: 'auto', webServer: server, path: '/chat' });
    await exchange(`ws+unix:${path}:/chat`);
    await wss.drain();
    await new Promise((resolve) => server.close(resolve));
  },
};

/** The client for browsers, in runtimes that have the WebSocket of browsers. */
async function browserDoor() {
  if (globalThis.WebSocket === undefined) return 'no WebSocket of its own';
  const { WebSocket: BrowserWebSocket } = await import('4d-websocket/browser');
  const wss = await WebSocketServer.serve(echo, OPTIONS);
  await exchange(wss.url, undefined, MESSAGES, BrowserWebSocket);
  await wss.drain();
  return 'yes';
}

/** A feature that hangs must not hide what the others do. */
function limited(promise) {
  return Promise.race([promise, new Promise((_, reject) => setTimeout(reject, 10_000, new Error('no end in 10 s')))]);
}

const outcomes = {};
for (const [name, tryOut] of Object.entries(features)) {
  try {
    outcomes[name] = (await limited(tryOut())) ?? 'yes';
  } catch (error) {
    outcomes[name] = String(error.message ?? error);
  }
}
const { bun, deno, node } = process.versions;
console.log(JSON.stringify({ version: bun ?? deno ?? node, features: outcomes }));
process.exit();
