/** rxjs `webSocket`: a subject that is retried after the connection was lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from '../../../dist/ws.mjs';
import { firstValueFrom, retry, take, toArray } from 'rxjs';
import { webSocket } from 'rxjs/webSocket';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(wss, 'listening');
let connections = 0;
wss.on('connection', (socket) => {
  if (++connections === 1) socket.terminate();
  else for (const n of [1, 2, 3]) socket.send(JSON.stringify({ n }));
});
const subject = webSocket({ url: `ws://127.0.0.1:${wss.address().port}`, WebSocketCtor: WebSocket });
const all = await firstValueFrom(subject.pipe(retry({ count: 3, delay: 10 }), take(3), toArray()));
assert.deepEqual(all, [{ n: 1 }, { n: 2 }, { n: 3 }]);
assert.equal(connections, 2);
wss.close();
