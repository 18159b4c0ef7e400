/**
 * A server that checks its messages with zod. What does not match ends the connection with 1007.
 *
 * Run it with: npm run example -- validation-zod
 * It prints its address for: npm run example -- validation-arktype <address>
 */
import { WebSocketServer } from '4d-websocket';
import * as z from 'zod';

const Command = z.discriminatedUnion('type', [
  z.object({ type: z.literal('say'), text: z.string().trim().min(1).max(500) }),
  z.object({ type: z.literal('move'), x: z.number(), y: z.number() }),
]);

const wss = await WebSocketServer.serve(
  {
    onConnection: () => ({
      onMessage(ws, { data }) {
        if (data.type === 'say') ws.wss.broadcast({ said: data.text });
        else ws.send({ moved: [data.x, data.y] });
      },
      onError: (_ws, { error }) => console.log(error.message), // invalid message: x does not match the schema
    }),
  },
  { port: Number(process.env.PORT ?? 8080), host: '127.0.0.1', dataType: 'object', schema: Command },
);
console.log(wss.url);
