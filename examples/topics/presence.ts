/** Who is here: two clients that see each other come and go. */
import { setTimeout } from 'node:timers/promises';
import { accept, grant, WebSocket, WebSocketServer } from '4d-websocket';

const wss = await WebSocketServer.serve(
  {
    onConnection: (_wss, { request }) =>
      accept(
        {
          onSubscribe: () => grant({ presence: { show: true, watch: true }, info: { color: 'blue' } }),
        },
        { user: String(request.query.name) },
      ),
  },
  { port: 0, topics: true },
);

async function enter(name: string): Promise<WebSocket> {
  const ws = await WebSocket.connect(`${wss.url}?name=${name}`, null, { topics: true });
  ws.subscribe(
    'room/1',
    {
      onMembers: (_room, { count }) => console.log(`${name} is told of ${count}`), // first, and again when due
      onJoin: (_room, { user, info }) => console.log(`${name} sees ${user} come`, info),
      onLeave: (_room, { user }) => console.log(`${name} sees ${user} leave`),
    },
    { presence: { show: true, watch: true } },
  );
  return ws;
}

await enter('Ann');
const bob = await enter('Bob');
await setTimeout(500);
const { list } = await wss.topics.members('room/1');
for (const { user, info } of list) console.log('here:', user, info);
bob.terminate(); // after leaveGraceMs, Ann sees it
