/**
 * A server that is ended while a callback hangs and its client has gone: nothing else keeps the process alive. Prints what
 * the end has brought: `tsx hanging-callback.ts <stop|drain|terminate>`.
 */
import { WebServer, WebSocket, WebSocketServer } from '../../src/index.ts';

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
await web.start();
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const connection = { onMessage: () => new Promise(() => {}) };
const handler = { onConnection: () => connection, onTerminate: () => print('onTerminate') };
const wss = WebSocketServer.new(handler, { webServer: web })!;
const ws = (await WebSocket.new(`ws://127.0.0.1:${web.HTTPPort}/`))!;
ws.send('wait for ever');
await ws.drained();
await ws[Symbol.asyncDispose]();

// The web server stops too, so that it does not keep the process alive.
const [way] = process.argv.slice(2);
if (way === 'drain') void wss.drain({ deadlineMs: 300 }).then(({ dropped }) => print(`dropped ${dropped}`));
if (way === 'terminate') wss.terminate(0.3);
await web.stop();
print('stopped');
