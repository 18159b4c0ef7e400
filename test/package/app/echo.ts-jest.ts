import { WebSocket, type WebSocketHandler, WebSocketServer } from '4d-websocket';

test('a message goes to a server and back', async () => {
  const wss = await WebSocketServer.serve(
    { onConnection: () => ({ onMessage: (connection, event) => void connection.send(event.data) }) },
    { host: '127.0.0.1' },
  );
  const received = await new Promise((resolve, reject) => {
    const handler: WebSocketHandler<string> = { onMessage: (_, event) => resolve(event.data) };
    WebSocket.connect(wss.url as string, handler).then((ws) => ws.send('hello'), reject);
  });
  expect(received).toBe('hello');
  await wss.drain();
});
