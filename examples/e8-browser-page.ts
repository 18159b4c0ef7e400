/**
 * E8, a web page that talks to the chat of E4 with the browser's own WebSocket. The web server serves the page as a
 * file; see e8-page/index.html.
 *
 *     npm run example -- e8
 *
 * Open the address that it prints in two tabs, and write. You should see in each tab what the other says, comes and
 * goes. Ctrl-C ends the server. PORT=9000 (for example) chooses another port.
 */
import { fileURLToPath } from 'node:url';
import { type MessageEvent, webServer, type WebSocketConnection, WebSocketServer } from '4d-websocket';

class MyConnectionHandler {
  onMessage(ws: WebSocketConnection, message: MessageEvent): void {
    this.broadcast(ws, message.data);
  }

  onOpen(ws: WebSocketConnection): void {
    ws.send('Welcome on the chat!');
    this.broadcast(ws, 'New client connected');
  }

  onTerminate(ws: WebSocketConnection): void {
    this.broadcast(ws, 'Client disconnected');
  }

  broadcast(ws: WebSocketConnection, message: string): void {
    for (const client of ws.wss.connections) {
      if (client.id !== ws.id) {
        client.send(message);
      }
    }
  }
}

class MyServerHandler {
  onConnection(): MyConnectionHandler {
    return new MyConnectionHandler();
  }
}

const web = webServer();
const { success, errors } = await web.start({
  HTTPPort: Number(process.env['PORT'] ?? 8080),
  IPAddressToListen: '127.0.0.1',
  rootFolder: fileURLToPath(new URL('e8-page', import.meta.url)),
});
if (!success) {
  console.error(errors?.[0]?.message);
  process.exit(1);
}
WebSocketServer.new(new MyServerHandler());
console.log(`Open http://127.0.0.1:${web.HTTPPort}/ in two tabs`);

process.on('SIGINT', () => void web.stop());
