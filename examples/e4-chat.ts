/**
 * E4, the chat: the connection handler of 4D's WebSocketServer page.
 *
 *     npm run example -- e4
 *     npm run example -- client ws://127.0.0.1:8080/    in two or more other terminals; then type
 *
 * You should see in each of them "Welcome on the chat!", what the others type, and "New client connected" and "Client
 * disconnected" as they come and go. Ctrl-C ends the server. PORT=9000 (for example) chooses another port.
 */
import { type MessageEvent, webServer, type WebSocketConnection, WebSocketServer } from '4d-websocket';

class MyConnectionHandler {
  onMessage(ws: WebSocketConnection, message: MessageEvent): void {
    // Resend the message to all chat clients
    this.broadcast(ws, message.data);
  }

  onOpen(ws: WebSocketConnection): void {
    // Send a message to new connected users
    ws.send('Welcome on the chat!');
    // Send "New client connected" message to all other chat clients
    this.broadcast(ws, 'New client connected');
  }

  onTerminate(ws: WebSocketConnection): void {
    // Send "Client disconnected" message to all other chat clients
    this.broadcast(ws, 'Client disconnected');
  }

  broadcast(ws: WebSocketConnection, message: string): void {
    // Resend the message to all chat clients
    for (const client of ws.wss.connections) {
      // Check that the id is not the current connection
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
});
if (!success) {
  console.error(errors?.[0]?.message);
  process.exit(1);
}
WebSocketServer.new(new MyServerHandler());
console.log(`The chat is at ws://127.0.0.1:${web.HTTPPort}/`);

process.on('SIGINT', () => void web.stop());
