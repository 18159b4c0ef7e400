/**
 * Lives through five clients, one of them in a domain, and a server, and prints what a tool that watches resources sees of
 * it.
 */
import { createHook, executionAsyncId } from 'node:async_hooks';
import { create } from 'node:domain';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from '../../src/index.ts';

const CLIENT = '4D-WebSocket';
const SERVER = '4D-WebSocketServer';

const typeById = new Map<number, string>();
const created = { [CLIENT]: 0, [SERVER]: 0 };
const left = { [CLIENT]: 0, [SERVER]: 0 };

createHook({
  init(id, type) {
    if (type !== CLIENT && type !== SERVER) return;
    typeById.set(id, type);
    created[type]++;
    left[type]++;
  },
  destroy(id) {
    const type = typeById.get(id);
    if (type === CLIENT || type === SERVER) left[type]--;
  },
}).enable();

const http = createServer().listen(0, '127.0.0.1');
await once(http, 'listening');
const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, { data }) => void ws.send(data) }) },
  { webServer: http },
);

const ids = new Set<string | undefined>();
for (let i = 0; i < 3; i++) {
  const ws = await WebSocket.new(url, { onMessage: () => ids.add(typeById.get(executionAsyncId())) });
  ws!.send('hello');
  while (ids.size === 0) await sleep(1);
  await ws![Symbol.asyncDispose]();
}
// A client that never connects has no callback that could end its resource.
await WebSocket.new('ws://127.0.0.1:1', {}).catch(() => {});

const domain = create();
const domains: string[] = [];
const note = (name: string): void => {
  domains.push(`${name} in ${(process as { domain?: unknown }).domain === domain ? 'the domain' : 'no domain'}`);
};
await domain.run(
  () =>
    new Promise<void>((resolve) => {
      void new WebSocket(url, {
        onOpen: (ws) => {
          note('onOpen');
          ws.send('hello');
        },
        onMessage: (ws) => {
          note('onMessage');
          ws.terminate();
        },
        onTerminate: () => {
          note('onTerminate');
          resolve();
        },
      });
    }),
);
await wss!.drain();
http.close();
// The end of a resource is told in a later turn.
await sleep(20);
process.stdout.write(
  JSON.stringify({
    created,
    left,
    ids: [...ids].every((type) => type === CLIENT) ? 'those of the client' : 'others',
    domains,
  }),
);
