/** Uses the types of the package as an application does. */
import { type MessageEvent, WebServer, WebSocket, type WebSocketHandler, WebSocketServer } from '4d-websocket';
import { createPair } from '4d-websocket/testing';

export async function heard(text: string): Promise<string> {
  const pair = await createPair({ onConnection: () => ({ onMessage: (ws, event) => void ws.send(event.data) }) });
  pair.client.send(text);
  const message: string = await pair.client.nextMessage();
  await pair.end();
  return message;
}

class Room implements WebSocketHandler<string> {
  readonly texts: string[] = [];
  onMessage(ws: WebSocket<string>, event: MessageEvent<string>): void {
    this.texts.push(event.data.toUpperCase());
    ws.terminate();
  }
}

export async function main(): Promise<string[]> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  await web.start();
  WebSocketServer.new(
    { onConnection: () => ({ onOpen: (connection) => void connection.send('welcome'), onMessage: () => {} }) },
    { webServer: web, path: '/rooms/:room' },
  );
  const room = new Room();
  const ws = await WebSocket.connect(`ws://127.0.0.1:${web.HTTPPort}/rooms/1`, room);
  await new Promise((resolve) => setTimeout(resolve, 0));
  while (ws.status !== 'Closed') await new Promise((resolve) => setTimeout(resolve, 1));
  await web.stop();
  return room.texts;
}

void main().then(async (texts) => console.log(await heard(texts.join())));
