/**
 * A client for the server of validation-zod.ts, which checks with arktype what it gets, and what it sends.
 *
 * Run it with: npm run example -- validation-arktype ws://127.0.0.1:8080/
 */
import { WebSocket } from '4d-websocket';
import { type } from 'arktype';

const ws = await WebSocket.connect(process.argv[2] ?? 'ws://127.0.0.1:8080/', {
  dataType: 'object',
  schema: type({ 'said?': 'string', 'moved?': ['number', 'number'] }),
  validateOutgoing: type({ type: "'say'", text: 'string' }).or({ type: "'move'", x: 'number', y: 'number' }),
  onMessage(socket, { data }) {
    console.log(data.said);
    socket.terminate();
  },
});
try {
  ws.send({ type: 'say', txt: 'hello' });
} catch (error) {
  console.log((error as Error).message); // cannot send: text does not match the schema
}
ws.send({ type: 'say', text: '  hello  ' });
