/**
 * A server that accepts clients with a token. Other clients get an answer that says why they are refused, and a
 * connection ends when its session expires.
 *
 * Run it with: npm run example -- sign-in
 * It prints its address. Connect from the console of a browser, on a page of the same host, or from a local program:
 * new WebSocket('ws://127.0.0.1:8080/', ['chat', 'bearer.ada-knows-this'])
 */
import {
  accept,
  bearerToken,
  type ConnectionEvent,
  type ConnectionHandler,
  type MessageEvent,
  refuse,
  secretsEqual,
  type WebSocketConnection,
  WebSocketServer,
} from '4d-websocket';

interface Session {
  readonly user: string;
  readonly secret: string;
  readonly minutes: number;
}

const sessions: readonly Session[] = [
  { user: 'Ada', secret: 'ada-knows-this', minutes: 60 },
  { user: 'Grace', secret: 'grace-knows-that', minutes: 5 },
];

class Greeter implements ConnectionHandler<string, Session> {
  onOpen(ws: WebSocketConnection<string, Session>): void {
    ws.expiresAt = Date.now() + ws.data.minutes * 60_000;
    ws.send(`Hello ${ws.data.user}`);
  }
  onMessage(ws: WebSocketConnection<string, Session>, event: MessageEvent): void {
    ws.send(`${ws.data.user}: ${event.data}`);
  }
}

class Door {
  onConnection(_wss: WebSocketServer<string, Session>, { request }: ConnectionEvent) {
    const token = bearerToken(request);
    const session = sessions.find(({ secret }) => secretsEqual(token, secret));
    if (session === undefined) return refuse(401, { error: 'sign in first' }, { 'www-authenticate': 'Bearer' });
    return accept(new Greeter(), { data: session, headers: { 'set-cookie': `user=${session.user}; HttpOnly` } });
  }
}

const port = Number(process.env.PORT ?? 8080);
const wss = await WebSocketServer.serve(new Door(), { port, host: '127.0.0.1', protocols: ['chat'] });
console.log(wss.url);
