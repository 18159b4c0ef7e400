/** Who may do what: users, grants that end, checks of messages. */
import { accept, bearerToken, deny, grant, refuse, WebSocketServer } from '4d-websocket';

interface Login {
  readonly user: string;
  readonly rooms: readonly string[];
  readonly isGuest: boolean;
  readonly since: Date;
  readonly until: Date;
}
/** In place of a database. */
const inAnHour = new Date(Date.now() + 3_600_000);
const logins = new Map<string | undefined, Login>([
  [
    'token-of-ann',
    { user: 'ann', rooms: ['room/tea', 'room/pot'], isGuest: false, since: new Date(), until: inAnHour },
  ],
  ['token-of-bob', { user: 'bob', rooms: ['room/tea'], isGuest: true, since: new Date(), until: inAnHour }],
]);

const wss = await WebSocketServer.serve(
  {
    onConnection(_wss, { request }) {
      const login = logins.get(bearerToken(request));
      if (login === undefined) return refuse(401, 'sign in first');
      const { user, rooms, isGuest, since, until } = login;
      return accept(
        {
          async onOpen(ws) {
            if (ws.protocol === '') await ws.subscribe('room/tea'); // a client without topics gets bare messages
          },
          onSubscribe(_ws, { topic }) {
            if (!rooms.includes(topic)) return deny(`${user} may not enter ${topic}`);
            return grant({
              publish: !isGuest,
              history: !isGuest,
              presence: { show: true, watch: true },
              info: { isGuest },
              expiresAt: until,
            });
          },
          onPublish(ws, { topic, data }) {
            if (isGuest || !ws.subscriptions.some((room) => room.topic === topic)) return false;
            if (typeof data !== 'string' || data.length > 500) return false;
            return { data: data.trim() }; // what is published in place of what the client sent
          },
        },
        { user, authenticatedAt: since },
      );
    },
  },
  { port: Number(process.env.PORT ?? 8080), topics: true },
);
console.log(wss.url);

for await (const line of process.stdin.setEncoding('utf8')) {
  const [command, user = ''] = line.trim().split(' ');
  if (command === 'invite') await wss.topics.toUser(user, { invitedTo: 'room/pot' });
  if (command === 'sign-out') await wss.topics.endUser(user);
}
