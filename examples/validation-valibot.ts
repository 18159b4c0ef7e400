/**
 * A server that checks its messages with valibot, and answers those that do not match instead of closing.
 *
 * Run it with: npm run example -- validation-valibot
 */
import { WebSocketServer } from '4d-websocket';
import * as v from 'valibot';

const Temperature = v.object({
  sensor: v.string(),
  at: v.pipe(v.string(), v.isoTimestamp(), v.toDate()),
  celsius: v.number(),
});

const wss = await WebSocketServer.serve(
  {
    onConnection: () => ({
      onMessage(ws, { data }) {
        ws.send({ stored: data.sensor, year: data.at.getUTCFullYear() }); // at is a Date here
      },
    }),
  },
  {
    port: Number(process.env.PORT ?? 8080),
    host: '127.0.0.1',
    dataType: 'object',
    schema: Temperature,
    onInvalid(ws, event) {
      ws.send({ wrong: event.issues.map(({ path }) => path) });
    },
  },
);
console.log(wss.url);
