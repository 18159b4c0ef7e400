/**
 * Loads the library, installs the fake timers of node:test, and prints what a server and its client do all the same:
 * `tsx fake-timers.ts`. With the argument `without-immediate` there is no global setImmediate while the library loads.
 */
import { mock } from 'node:test';
import { createDeferred } from '../helpers/deferred.ts';

const { setImmediate: original } = globalThis;
if (process.argv[2] === 'without-immediate') Reflect.deleteProperty(globalThis, 'setImmediate');
const { WebServer, WebSocket, WebSocketServer } = await import('../../src/index.ts');
Object.assign(globalThis, { setImmediate: original });

mock.timers.enable();
const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
await web.start();
const onConnection = () => ({
  onMessage(ws: { send(text: string): void }, event: { data: string }) {
    ws.send(event.data);
  },
});
WebSocketServer.new({ onConnection }, { webServer: web });
const terminated = createDeferred();
const ws = await WebSocket.new(`ws://127.0.0.1:${web.HTTPPort}`, {
  onMessage(socket, event) {
    process.stdout.write(`${event.data}\n`);
    socket.terminate();
  },
  onTerminate() {
    process.stdout.write('over\n');
    terminated.resolve();
  },
});
ws?.send('echo');
await new Promise((resolve) => original(resolve));
await terminated.promise;
await web.stop();
process.stdout.write('stopped\n');
