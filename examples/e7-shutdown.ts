/**
 * E7, the end of a server that lives in a worker: its connections end in order of arrival, then the server, then the
 * worker. A new message to the same name starts a fresh worker.
 *
 *     npm run example -- e7
 *
 * You should see:
 *
 *     Client 1 closed 1000
 *     Client 2 closed 1000
 *     Server closed
 *     The fresh worker has no variable wss: true
 */
import {
  callWorker,
  killWorker,
  processVariables,
  type TerminateEvent,
  webServer,
  WebSocket,
  type WebSocketConnection,
  WebSocketServer,
} from '4d-websocket';

class ConnectionHandler {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }

  onMessage(): void {
    // A connection handler must have onMessage, even when no client sends anything.
  }

  onTerminate(_ws: WebSocketConnection, event: TerminateEvent): void {
    console.log(`Client ${this.number} closed ${event.code}`);
  }
}

class ServerHandler {
  #clients = 0;

  onConnection(): ConnectionHandler {
    this.#clients += 1;
    return new ConnectionHandler(this.#clients);
  }

  onOpen(): void {
    // 1 is the main process, as in 4D.
    callWorker(1, connectTwoClients);
  }

  onTerminate(): void {
    console.log('Server closed');
    killWorker('WebSocketServer');
    callWorker(1, startAgain);
  }
}

const web = webServer();
await web.start({ HTTPPort: Number(process.env['PORT'] ?? 0), IPAddressToListen: '127.0.0.1' });
callWorker('WebSocketServer', () => {
  processVariables().wss = WebSocketServer.new(new ServerHandler());
});

async function connectTwoClients(): Promise<void> {
  await WebSocket.new(`ws://127.0.0.1:${web.HTTPPort}/`);
  await WebSocket.new(`ws://127.0.0.1:${web.HTTPPort}/`);
  callWorker('WebSocketServer', () => {
    const { wss } = processVariables();
    if (wss instanceof WebSocketServer) wss.terminate();
  });
}

function startAgain(): void {
  // The killed worker ends first; then a new worker of the same name starts with this message.
  callWorker('WebSocketServer', () => {
    console.log(`The fresh worker has no variable wss: ${processVariables().wss === undefined}`);
    void web.stop();
  });
}
