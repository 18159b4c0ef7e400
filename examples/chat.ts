/**
 * The chat that `npm start` runs: rooms, who is in them, the last messages on joining, and what was missed after a lost
 * connection. It prints its address.
 *
 * Each room is a topic. Clients subscribe to it and publish in it; this program decides who may, and who says what. The
 * messages are kept in its memory: when it ends they are gone, and the page says so when the chat is back.
 *
 * PORT chooses the port. Without it the chat takes 8080, or the next one that is free. Ctrl-C ends it: the clients see
 * close code 1012, and the page reconnects.
 */
import { fileURLToPath } from 'node:url';
import {
  type ConnectionEvent,
  type Denial,
  deny,
  FourDError,
  type Grant,
  grant,
  type PublishAnswer,
  type PublishEvent,
  type ServerHandler,
  type SubscribeEvent,
  type TopicsHandler,
  type WebSocketConnection,
  WebSocketServer,
} from '4d-websocket';

type Connection = WebSocketConnection<unknown>;

const FIRST_PORT = 8080;
const PORTS_TO_TRY = 20;
const MAX_NAME_LENGTH = 24;
const MAX_TEXT_LENGTH = 1000;
const COLORS = ['blue', 'red', 'green', 'purple', 'orange', 'teal', 'pink', 'olive'] as const;

/** Topics that are rooms. The page makes the names of its rooms lower-case. */
const ROOM = /^room\/[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]{0,31}$/u;

/** The handler of one client, which also holds the client's state. As JSON it is `{ id, name, color }`. */
class Guest implements TopicsHandler<unknown> {
  /** The public id of the client's session: the same when the client comes back, and told to everybody. */
  id = '';
  name: string;
  color: string;

  /** @param wish - a client that comes back wishes for the name and colour that it had */
  constructor(wish: object) {
    this.name = textOf(wish, 'name', MAX_NAME_LENGTH);
    this.color = textOf(wish, 'color', MAX_NAME_LENGTH);
  }

  onOpen(ws: Connection): void {
    this.id = ws.session ?? '';
    // The connection that the client had before may be open still.
    const others = guestsOf(ws).filter((guest) => guest.id !== this.id);
    const free = COLORS.filter((color) => others.every((guest) => guest.color !== color));
    this.name ||= freeName(others);
    this.color = free.find((color) => color === this.color) ?? free[0] ?? COLORS[0];
    ws.send({ type: 'welcome', who: this });
    console.log(`+ ${this.name} (${guestsOf(ws).length} here)`);
  }

  onSubscribe(_ws: Connection, { topic }: SubscribeEvent): Grant | Denial | null {
    if (!ROOM.test(topic)) return deny('the name of a room has 1 to 32 letters, digits, - or _');
    // The others see what this program knows of the client, and not what the client says.
    return grant({ presence: { show: true, watch: true }, info: { name: this.name, color: this.color } });
  }

  onPublish(_ws: Connection, { topic, data }: PublishEvent): PublishAnswer {
    // A client can send anything, so it is checked. All get what is returned here.
    const text = textOf(data, 'text', MAX_TEXT_LENGTH);
    const { id, name, color } = this;
    return ROOM.test(topic) && text !== '' && { data: { id, name, color, text } };
  }

  onTerminate(ws: Connection): void {
    console.log(`- ${this.name} (${guestsOf(ws).length} here)`);
  }
}

/** Decides which clients are accepted. */
class Door implements ServerHandler<unknown> {
  onConnection(_wss: WebSocketServer<unknown>, event: ConnectionEvent): Guest | null {
    const { headers, query } = event.request;
    // A browser lets any page of the web connect to this computer, and names the page's origin in this header.
    const { origin } = headers;
    if (typeof origin === 'string' && !origin.endsWith(`://${String(headers.host)}`)) return null;
    return new Guest(query);
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
        topics: { history: { messages: 200, seconds: 86_400 } },
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
