/** Works on each order once, also when this program ends and starts again. */
import { readFile, writeFile } from 'node:fs/promises';
import { WebSocket } from '4d-websocket';

const [url = 'ws://localhost:8080/', file = 'position.txt'] = process.argv.slice(2);

const stored = await readFile(file, 'utf8').catch(() => undefined);
const ws = await WebSocket.connect(url, null, { topics: true, reconnect: true });
ws.subscribe<string>(
  'orders',
  {
    onSubscribed: (_orders, { state, missed }) => console.log(`${state}, ${missed} waiting`),
    async onMessage(_orders, { data, position }) {
      console.log(`working on ${data}`);
      if (position !== undefined) await writeFile(file, position); // when the work is done
    },
    onGap: () => console.log('some orders are missing: read them from the database'),
  },
  { since: stored === undefined ? 'start' : { after: stored } },
);
