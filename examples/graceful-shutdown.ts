/**
 * A server that ends without cutting anyone off. At SIGTERM or Ctrl-C, new clients are refused. Each connected client
 * gets all messages that were sent to it, and then a close frame with 1012 (service restart); clients are closed in
 * waves. Then the process ends by itself.
 *
 * Run it with: npm run example -- graceful-shutdown
 * It prints its address, and after Ctrl-C how many connections were closed and how many were dropped.
 */
import { WebSocketServer } from '4d-websocket';

const wss = await WebSocketServer.serve(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' },
);
console.log(wss.url);

async function end(): Promise<void> {
  const { closed, dropped } = await wss.drain({ deadlineMs: 10_000, batchSize: 200, intervalMs: 50, code: 1012 });
  console.log(`closed ${closed}, dropped ${dropped}`);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end());
