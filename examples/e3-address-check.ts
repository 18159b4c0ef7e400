/**
 * E3, the server handler of 4D's WebSocketServer page. It checks the address of each client, and keeps a log.
 *
 *     npm run example -- e3                  lets 127.0.0.1 in
 *     npm run example -- e3 addresses.txt    lets those in that the file lists, one per line; edit it at any time
 *     npm run example -- client ws://127.0.0.1:8080/    in a second terminal
 *
 * You should see:
 *
 *     *** Server started
 *     !!! Server error: …        for example when the file cannot be read: that client is refused, the server goes on
 *     *** Server closed          after Ctrl-C
 *
 * PORT=9000 (for example) chooses another port.
 */
import { readFile } from 'node:fs/promises';
import {
  type ConnectionEvent,
  type ErrorEvent,
  type MessageEvent,
  webServer,
  type WebSocketConnection,
  WebSocketServer,
} from '4d-websocket';

class MyWSServerHandler {
  // onConnection is async, because the check reads a file. Only this client waits; other clients do not.
  async onConnection(_wss: WebSocketServer, event: ConnectionEvent): Promise<MyConnectionHandler | null> {
    if (await verifyAddress(event.request.remoteAddress)) {
      return new MyConnectionHandler();
    } else {
      // The client gets HTTP status 403; its connection never opens.
      return null;
    }
  }

  onOpen(): void {
    logFile('*** Server started');
  }

  onTerminate(): void {
    logFile('*** Server closed');
  }

  onError(_wss: WebSocketServer, event: ErrorEvent): void {
    logFile(`!!! Server error: ${event.errors[0]?.message}`);
  }
}

class MyConnectionHandler {
  onMessage(ws: WebSocketConnection, event: MessageEvent): void {
    ws.send(`You said: ${event.data}`);
  }
}

async function verifyAddress(address: string): Promise<boolean> {
  const file = process.argv[2];
  const list = file === undefined ? '127.0.0.1' : await readFile(file, 'utf8');
  return list.split(/\s+/).includes(address);
}

function logFile(line: string): void {
  console.log(line);
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
console.log(`The server is at ws://127.0.0.1:${web.HTTPPort}/`);
WebSocketServer.new(new MyWSServerHandler());

process.on('SIGINT', () => void web.stop());
