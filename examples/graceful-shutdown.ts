/**
 * A server that ends without cutting anyone off. At SIGTERM or Ctrl-C, new clients are refused. Each connected client
 * gets all messages that were sent to it, and then a close frame with 1012 (service restart); clients are closed in
 * waves. Then the process ends by itself.
 *
 * Run it with: npm run example -- graceful-shutdown
 * It prints its address, and after Ctrl-C how many connections were closed and how many were dropped.
 */
import { WebServer, WebSocketServer } from '4d-websocket';

const web = new WebServer({ HTTPPort: Number(process.env.PORT ?? 8080), IPAddressToListen: '127.0.0.1' });
const { errors } = await web.start();
if (errors !== undefined) throw new Error(errors[0]?.message);

const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { webServer: web },
);
console.log(`ws://127.0.0.1:${web.HTTPPort}/`);

async function end(): Promise<void> {
  const result = await wss?.drain({ deadlineMs: 10_000, batchSize: 200, intervalMs: 50, code: 1012 });
  await web.stop();
  console.log(`closed ${result?.closed ?? 0}, dropped ${result?.dropped ?? 0}`);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end());
