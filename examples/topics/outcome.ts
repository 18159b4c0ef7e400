/** What a client knows about a message that it published. */
import { FourDError, WebSocket } from '4d-websocket';

const [url = 'ws://localhost:8080/?name=Ann', text = 'hello'] = process.argv.slice(2);
const ws = await WebSocket.connect(url, null, { topics: true, reconnect: true });
ws.subscribe('room/tea', {});
try {
  await ws.publish('room/tea', text);
  console.log('stored');
} catch (error) {
  if (!(error instanceof FourDError)) throw error;
  if (error.stored === 'no') console.log(`not stored: ${error.message}`);
  else console.log(`perhaps stored: ${error.message}`); // look into the history before you publish it again
}
ws.terminate();
