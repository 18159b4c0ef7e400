/** Uses the types of the door for browsers as a page does: without those of Node. */
import { FourDError, type TerminateEvent, WebSocket, type WebSocketHandler } from '4d-websocket/browser';

class Room implements WebSocketHandler<string | Uint8Array> {
  readonly dataType = 'auto';
  onOpen(ws: WebSocket<string | Uint8Array>): void {
    ws.send({ hello: 'room' });
  }
  onTerminate(_: WebSocket<string | Uint8Array>, event: TerminateEvent): void {
    document.title = `${event.code} ${event.openMs}`;
  }
}

export async function main(): Promise<void> {
  const room = await WebSocket.connect(new URL('ws://localhost'), new Room(), { reconnect: { maxAttempts: 3 } });
  const text = await WebSocket.new('ws://localhost', { onMessage: (_, event) => void event.data.toUpperCase() });
  const bytes: WebSocket<Uint8Array> = await WebSocket.connect('ws://localhost', { dataType: 'blob' });
  // @ts-expect-error A page sets no headers.
  new WebSocket('ws://localhost', { headers: {} });
  // @ts-expect-error A page chooses no proxy.
  new WebSocket('ws://localhost', {}, { proxy: 'http://localhost' });
  try {
    room.terminate(4000, text.url + bytes.protocol);
  } catch (error) {
    if (error instanceof FourDError) console.log(error.code, error.errCode);
  }
}
