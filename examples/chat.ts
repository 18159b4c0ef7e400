/**
 * The chat that `npm start` runs: a larger E6, in which users choose their names. It prints its address.
 *
 * PORT chooses the port. Without it the chat takes 8080, or the next one that is free. Ctrl-C ends it: the clients see
 * close code 1001, and the page reconnects when the chat is back.
 */
import { fileURLToPath } from 'node:url';
import {
  type ConnectionEvent,
  type ConnectionHandler,
  FourDError,
  type MessageEvent,
  type ServerHandler,
  type WebSocketConnection,
  WebSocketServer,
} from '4d-websocket';

type Connection = WebSocketConnection<unknown>;

const FIRST_PORT = 8080;
const PORTS_TO_TRY = 20;
const MAX_NAME_LENGTH = 24;
const MAX_TEXT_LENGTH = 1000;
const COLORS = ['blue', 'red', 'green', 'purple', 'orange', 'teal', 'pink', 'olive'] as const;

/** The handler of one client, which also holds the client's state. As JSON it is `{ id, name, color }`. */
class Guest implements ConnectionHandler<unknown> {
  id = 0;
  name: string;
  color = '';

  constructor(name: string) {
    this.name = name;
  }

  onOpen(ws: Connection): void {
    const others = guestsOf(ws).filter((guest) => guest !== this);
    this.id = ws.id;
    this.name ||= freeName(others);
    this.color = COLORS.find((color) => others.every((guest) => guest.color !== color)) ?? COLORS[0];
    ws.send({ type: 'welcome', who: this, present: guestsOf(ws) });
    this.tellOthers(ws, { type: 'joined', who: this, present: guestsOf(ws) });
    console.log(`+ ${this.name} (${guestsOf(ws).length} here)`);
  }

  onMessage(ws: Connection, event: MessageEvent<unknown>): void {
    // A client can send anything, so each field is checked.
    const text = textOf(event.data, 'text', MAX_TEXT_LENGTH);
    const name = textOf(event.data, 'name', MAX_NAME_LENGTH);
    if (text !== '') {
      ws.send({ type: 'message', name: 'Me', color: this.color, text });
      this.tellOthers(ws, { type: 'message', name: this.name, color: this.color, text });
    }
    if (name !== '' && name !== this.name) {
      const from = this.name;
      this.name = name;
      const renamed = { type: 'renamed', who: this, from, present: guestsOf(ws) };
      ws.send(renamed);
      this.tellOthers(ws, renamed);
      console.log(`  ${from} is now ${name}`);
    }
  }

  onTerminate(ws: Connection): void {
    this.tellOthers(ws, { type: 'left', who: this, present: guestsOf(ws) });
    console.log(`- ${this.name} (${guestsOf(ws).length} here)`);
  }

  tellOthers(ws: Connection, message: object): void {
    for (const client of ws.wss.connections) {
      if (client.id !== ws.id) client.send(message);
    }
  }
}

/** Decides which clients are accepted. */
class Door implements ServerHandler<unknown> {
  onConnection(_wss: WebSocketServer<unknown>, event: ConnectionEvent): Guest | null {
    const { headers, query } = event.request;
    // A browser lets any page of the web connect to this computer, and names the page's origin in this header.
    const { origin } = headers;
    if (typeof origin === 'string' && !origin.endsWith(`://${String(headers.host)}`)) return null;
    return new Guest(textOf(query, 'name', MAX_NAME_LENGTH));
  }
}

function guestsOf(ws: Connection): Guest[] {
  return ws.wss.connections.map((client) => client.handler).filter((handler) => handler instanceof Guest);
}

function freeName(others: readonly Guest[]): string {
  let number = 1;
  while (others.some((guest) => guest.name === `Guest ${number}`)) number += 1;
  return `Guest ${number}`;
}

/** Reads a text of an object from a client, as one line without control characters; `''` when there is none. */
function textOf(data: unknown, key: string, maxLength: number): string {
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, key) : undefined;
  return typeof value === 'string'
    ? value
        .replace(/\p{Cc}+/gu, ' ')
        .trim()
        .slice(0, maxLength)
    : '';
}

async function startServer(): Promise<WebSocketServer<unknown>> {
  const wanted = process.env['PORT'] ?? '';
  const first = wanted === '' ? FIRST_PORT : Number(wanted);
  const last = wanted === '' ? FIRST_PORT + PORTS_TO_TRY - 1 : first;
  for (let port = first; ; port += 1) {
    try {
      return await WebSocketServer.serve(new Door(), {
        port,
        host: '127.0.0.1',
        rootFolder: fileURLToPath(new URL('public', import.meta.url)),
        // A page of another name whose DNS answer points to this computer (DNS rebinding) would pass for one of this host.
        hosts: ['localhost', '127.0.0.1', '[::1]'],
        dataType: 'object',
        maxMessageBytes: 16_384,
      });
    } catch (error) {
      const isBusy = error instanceof FourDError && error.code === 'ERR_WEB_SERVER_LISTEN';
      if (isBusy && port < last) continue;
      console.error(`The chat cannot start: ${(error as Error).message}`);
      console.error('Choose another port with PORT, for example PORT=9000; PORT=0 takes any that is free.');
      process.exit(1);
    }
  }
}

const wss = await startServer();

console.log(`The chat runs. Ctrl-C ends it.
  in a browser:  ${wss.url?.replace('ws:', 'http:')}    (open it in two tabs)
  in the shell:  npm run example -- chat-client ${wss.url}`);

let isStopping = false;
async function stop(): Promise<void> {
  // npm forwards Ctrl-C too, so the signal can come twice.
  if (isStopping) return;
  isStopping = true;
  console.log('Stopping: the clients are told');
  await wss.drain({ deadlineMs: 5000 });
  console.log('Stopped');
}
process.on('SIGINT', () => void stop());
process.on('SIGTERM', () => void stop());
