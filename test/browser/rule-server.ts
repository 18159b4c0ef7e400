import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ConnectionHandler, refuse, WebSocketServer } from '../../src/index.ts';
import { createDeferred, type Deferred } from '../helpers/deferred.ts';
import { listen } from '../helpers/transport-pairs.ts';

const FILES: Readonly<Record<string, URL>> = {
  '/rules.js': new URL('page/rules.js', import.meta.url),
  '/4d-websocket.js': new URL('../../dist/browser.mjs', import.meta.url),
};

const PAGE = `<!doctype html><title>Rules</title><script type="module">
  import { rules } from './rules.js';
  import * as library from './4d-websocket.js';
  const url = location.origin.replace('http', 'ws');
  globalThis.runRule = (title) => rules[title]({ ...library, url }).then(() => 'passed', (error) => error + '\\n' + error.stack);
</script>`;

/**
 * Starts a server that serves the page with the rules, and obeys its connections. The query of a connection tells what
 * happens to it: `?refuse=503`, `?refuseOnce=KEY`, `?closeCode=4401`. So do its messages: `!close 4001 reason`, `!cut`,
 * `!proxy`, which tells the URL of another way to the server, `!stall`, after which nothing passes on that way, and
 * `!ended NAME`, which waits until the connection with `?name=NAME` has ended, and says how. All others come back.
 */
export async function startRuleServer(): Promise<string> {
  const http = createServer((request, response) => {
    const file = FILES[request.url ?? ''];
    response.setHeader('content-type', file === undefined ? 'text/html' : 'text/javascript');
    response.end(file === undefined ? PAGE : readFileSync(file));
  });
  const port = await listen(http);
  // A way to the server that can fall silent.
  const proxied = new Set<Socket>();
  const proxy = createTcpServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) proxied.add(socket.on('error', () => {}));
    client.pipe(server).pipe(client);
  });
  const proxyPort = await listen(proxy);
  const refused = new Set<unknown>();
  const ends = new Map<string, Deferred<string>>();
  const endOf = (name: string): Deferred<string> => {
    const found = ends.get(name) ?? createDeferred<string>();
    ends.set(name, found);
    return found;
  };
  const wss = WebSocketServer.new<string | Uint8Array>(
    {
      onConnection(_, { request: { query } }) {
        const { refuse: status, refuseOnce, closeCode, name = '' } = query as Readonly<Record<string, string>>;
        if (status !== undefined) return refuse(Number(status));
        if (closeCode !== undefined) return refuse(401, { closeCode: Number(closeCode), reason: 'sign in' });
        if (refuseOnce !== undefined && !refused.has(refuseOnce)) {
          refused.add(refuseOnce);
          return refuse(503);
        }
        const handler: ConnectionHandler<string | Uint8Array> = {
          onOpen: (connection) => void (query['greet'] !== undefined && connection.send(String(query['greet']))),
          async onMessage(connection, { data }) {
            const [command, argument = '', reason] = typeof data === 'string' ? data.split(' ') : [];
            if (command === '!close') connection.terminate(Number(argument), reason);
            else if (command === '!cut') connection.destroy();
            else if (command === '!proxy') connection.send(`ws://127.0.0.1:${proxyPort}`);
            else if (command === '!stall') for (const socket of proxied) socket.pause();
            else if (command === '!ended') connection.send(await endOf(argument).promise);
            else connection.send(data);
          },
          onTerminate: (_connection, { code, reason = '' }) => endOf(name).resolve(`${code} ${reason}`.trim()),
        };
        return handler;
      },
    },
    { webServer: http, dataType: 'auto' },
  );
  onTestFinished(async () => {
    wss?.terminate(0);
    proxy.close();
    for (const socket of proxied) socket.destroy();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return `http://127.0.0.1:${port}/`;
}
