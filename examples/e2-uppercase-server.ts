/**
 * E2, the uppercase server: the first example of 4D's WebSocketServer page. A worker creates the server; a later
 * message to the same worker ends the server.
 *
 *     npm run example -- e2
 *     npm run example -- client ws://127.0.0.1:8080/    in a second terminal; then type hello
 *
 * You should see HELLO in the second terminal. Ctrl-C in the first one ends the server, and with it the client.
 * PORT=9000 (for example) chooses another port.
 */
import {
  callWorker,
  type MessageEvent,
  processVariables,
  webServer,
  type WebSocketConnection,
  WebSocketServer,
} from '4d-websocket';

class MyServerHandler {
  // Each client gets a new handler, whose fields belong to this client alone.
  onConnection(): MyConnectionHandler {
    return new MyConnectionHandler();
  }
}

class MyConnectionHandler {
  onMessage(ws: WebSocketConnection, message: MessageEvent): void {
    ws.send(message.data.toUpperCase());
  }
}

// The WebSocket server shares the port of the web server, which must run first.
const web = webServer();
const { success, errors } = await web.start({
  HTTPPort: Number(process.env['PORT'] ?? 8080),
  IPAddressToListen: '127.0.0.1',
});
if (!success) {
  console.error(errors?.[0]?.message);
  process.exit(1);
}

const handler = new MyServerHandler();
callWorker('WebSocketServer', () => {
  processVariables().wss = WebSocketServer.new(handler);
  console.log(`The uppercase server is at ws://127.0.0.1:${web.HTTPPort}/`);
});
console.log('The call of the worker returned');

process.on('SIGINT', () => {
  callWorker('WebSocketServer', () => {
    const { wss } = processVariables();
    if (wss instanceof WebSocketServer) wss.terminate();
    return web.stop();
  });
});
