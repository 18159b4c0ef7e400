/**
 * E5, a client with headers of its own: the example of the connection handler on 4D's WebSocket page.
 *
 *     npm run example -- e5                         with a small server that shows what it gets
 *     npm run example -- e5 ws://127.0.0.1:8080/    with yours
 *
 * You should see:
 *
 *     The server got x-authorization: my-token
 *     The server got cookie: yummy_cookie=choco; tasty_cookie=strawberry
 *     Connected
 *     Connection closed
 */
import { WebSocket, webServer, WebSocketServer } from '4d-websocket';

class WSConnectionHandler {
  readonly headers: Record<string, string>;

  constructor(myToken: string) {
    // Creation of the headers sent to the server
    this.headers = { 'x-authorization': myToken };
    // We define two cookies
    this.headers.Cookie = 'yummy_cookie=choco; tasty_cookie=strawberry';
  }

  onTerminate(): void {
    console.log('Connection closed');
  }
}

const wssUrl = process.argv[2] ?? (await startServer());
const webSocket = await WebSocket.new(wssUrl, new WSConnectionHandler('my-token'));
console.log(webSocket?.status);
webSocket?.terminate();

/** Starts a server that shows the headers of one client and then ends. Returns its URL. */
async function startServer(): Promise<string> {
  const web = webServer();
  await web.start({ HTTPPort: Number(process.env['PORT'] ?? 0), IPAddressToListen: '127.0.0.1' });
  WebSocketServer.new({
    onConnection(_wss, event) {
      const { headers } = event.request;
      console.log('The server got x-authorization:', headers['x-authorization']);
      console.log('The server got cookie:', headers.cookie);
      return { onMessage() {}, onTerminate: () => void web.stop() };
    },
  });
  return `ws://127.0.0.1:${web.HTTPPort}/`;
}
