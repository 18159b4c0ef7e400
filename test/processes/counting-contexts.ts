/**
 * Prints how many AsyncLocalStorage objects the library has created: with clients and servers in the main process only,
 * and after the first worker (argument `worker`) or the first `tryExpr`.
 */
import asyncHooks from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';

let count = 0;
const { AsyncLocalStorage } = asyncHooks;
// In Node 22 and later the property is a getter, which an assignment would not replace.
Object.defineProperty(asyncHooks, 'AsyncLocalStorage', {
  configurable: true,
  value: class<T> extends AsyncLocalStorage<T> {
    constructor() {
      super();
      count++;
    }
  },
});
syncBuiltinESMExports();
const { callWorker, currentProcessName, lastErrors, onErrCall, tryExpr, WebServer, WebSocket, WebSocketServer } =
  await import('../../src/index.ts');

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
await web.start();
WebSocketServer.new(
  {
    onConnection: () => ({
      onOpen: (ws) => ws.send('hello'),
      onMessage: (ws, event) => ws.send(event.data),
    }),
  },
  { webServer: web },
);
onErrCall(() => {});
await new Promise<void>((resolve) => {
  void new WebSocket(`ws://127.0.0.1:${web.HTTPPort}`, {
    onMessage: (ws) => ws.terminate(),
    onTerminate: () => resolve(),
  });
});
await WebSocket.new('not a URL');
await new Promise<void>((resolve) => {
  callWorker(1, resolve);
});
const before = count;
const seen = [currentProcessName(), lastErrors()];
await web.stop();

if (process.argv[2] === 'worker') {
  await new Promise<void>((resolve) => {
    callWorker('W', resolve);
  });
} else {
  tryExpr(() => {});
}
process.stdout.write(JSON.stringify({ before, seen, after: count }));
