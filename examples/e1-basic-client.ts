/**
 * E1, the basic client: the first example of 4D's WebSocket page. It connects, sends a text, and shows the answer.
 *
 *     npm run example -- e1                         with a small server of its own
 *     npm run example -- e1 ws://127.0.0.1:8080/    with yours; Ctrl-C ends it
 *
 * You should see:
 *
 *     The server got: Hello world
 *     Connection closed
 *
 * With a URL at which no server listens, you see the error, and that the object is null.
 */
import { type MessageEvent, onErrCall, WebSocket, webServer, WebSocketServer } from '4d-websocket';

class WSConnectionHandler {
  // oxlint-disable-next-line no-useless-constructor -- the original has an empty one too
  constructor() {}

  onMessage(_ws: WebSocket, event: MessageEvent): void {
    console.log(event.data);
  }

  onTerminate(): void {
    console.log('Connection closed');
  }
}

// ON ERR CALL: with a handler, a failing call results in null, as in 4D. Without one, WebSocket.new would reject.
onErrCall((errors) => console.log(`Error ${errors[0]?.errCode}: ${errors[0]?.message}`));

const wssUrl = process.argv[2] ?? (await startServer());
const webSocket = await WebSocket.new(wssUrl, new WSConnectionHandler());
if (webSocket === null) console.log('The WebSocket object is null');

webSocket?.send('Hello world');

/** Starts a server that answers one message and then ends. Returns its URL. */
async function startServer(): Promise<string> {
  const web = webServer();
  await web.start({ HTTPPort: Number(process.env['PORT'] ?? 0), IPAddressToListen: '127.0.0.1' });
  WebSocketServer.new({
    onConnection: () => ({
      onMessage(ws, event) {
        ws.send(`The server got: ${event.data}`);
        ws.terminate();
      },
      onTerminate: () => void web.stop(),
    }),
  });
  return `ws://127.0.0.1:${web.HTTPPort}/`;
}
