/**
 * E6, a chat that sends objects: each client has a name and a colour, and sees its own messages as those of "Me".
 *
 *     npm run example -- e6
 *
 * Open the address that it prints in two tabs, or connect from the shell as it says, and write. You should see who says
 * what, who is there, and who comes and goes. Ctrl-C ends the server. PORT=9000 (for example) chooses another port.
 */
import { fileURLToPath } from 'node:url';
import { type MessageEvent, webServer, type WebSocketConnection, WebSocketServer } from '4d-websocket';

const COLORS = ['blue', 'red', 'green', 'purple', 'orange', 'teal', 'pink', 'olive'] as const;

class ConnectionHandler {
  // The state of one client. Other clients reach it through connection.handler.
  id = 0;
  name = '';
  color = '';

  onOpen(ws: WebSocketConnection<unknown>): void {
    // The state of the server. All clients reach it through wss.handler.
    const server = ws.wss.handler;
    if (!(server instanceof ServerHandler)) return;
    server.clients += 1;
    this.id = ws.id;
    this.name = `Client ${server.clients}`;
    this.color = COLORS[server.clients % COLORS.length] ?? 'blue';
    for (const client of ws.wss.connections) {
      client.send({ type: client.id === ws.id ? 'welcome' : 'joined', who: this, present: whoIsPresent(ws) });
    }
  }

  onMessage(ws: WebSocketConnection<unknown>, event: MessageEvent<unknown>): void {
    const text = textOf(event.data);
    for (const client of ws.wss.connections) {
      if (client.id === ws.id) {
        client.send({ type: 'message', name: 'Me', color: this.color, text });
      } else {
        client.send({ type: 'message', name: this.name, color: this.color, text });
      }
    }
  }

  onTerminate(ws: WebSocketConnection<unknown>): void {
    for (const client of ws.wss.connections) {
      client.send({ type: 'left', who: this, present: whoIsPresent(ws) });
    }
  }
}

class ServerHandler {
  clients = 0;

  onConnection(): ConnectionHandler {
    return new ConnectionHandler();
  }
}

function whoIsPresent(ws: WebSocketConnection<unknown>): object[] {
  return ws.wss.connections.map((client) => client.handler);
}

/** Reads the text of a message from a client, which can send anything; `''` when there is none. */
function textOf(data: unknown): string {
  return typeof data === 'object' && data !== null && 'text' in data && typeof data.text === 'string' ? data.text : '';
}

const web = webServer();
const { success, errors } = await web.start({
  HTTPPort: Number(process.env['PORT'] ?? 8080),
  IPAddressToListen: '127.0.0.1',
  rootFolder: fileURLToPath(new URL('public', import.meta.url)),
  defaultHomepage: 'e6.html',
});
if (!success) {
  console.error(errors?.[0]?.message);
  process.exit(1);
}
WebSocketServer.new(new ServerHandler(), { dataType: 'object' });
console.log(`In a browser:  http://127.0.0.1:${web.HTTPPort}/`);
console.log(`In the shell:  npm run example -- chat-client ws://127.0.0.1:${web.HTTPPort}/`);

process.on('SIGINT', () => void web.stop());
