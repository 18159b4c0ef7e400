import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from '../../src/index.ts';
import { makeFolder } from '../helpers/folder.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { curl, java } from './http-clients.ts';
import { usePeer } from './peer-process.ts';
import { describeTool } from './tools.ts';

/** A plain HTTP request that offers an upgrade to HTTP/2. */
interface PlainRequest {
  readonly method: string;
  readonly path: string;
  readonly bodyBytes: number;
}

/** Sends a request. Resolves to the status and the body of the answer. */
type Ask = (port: number, request: PlainRequest) => Promise<string>;

const requests: readonly PlainRequest[] = [
  { method: 'GET', path: '/page.txt', bodyBytes: 0 },
  { method: 'GET', path: '/missing', bodyBytes: 0 },
  { method: 'GET', path: '/ws', bodyBytes: 0 },
  { method: 'POST', path: '/page.txt', bodyBytes: 10 },
  { method: 'POST', path: '/page.txt', bodyBytes: 2_000_000 },
  { method: 'PUT', path: '/ws', bodyBytes: 100_000 },
  { method: 'DELETE', path: '/page.txt', bodyBytes: 0 },
];

/** Servers by kind. Each attaches a WebSocketServer with these options, or none, and returns the port. */
const servers: Readonly<Record<string, (options?: { path?: string }) => Promise<number>>> = {
  'a WebServer': async (options) => {
    const web = await startWebServer({ rootFolder: makeFolder({ 'page.txt': 'a page' }) });
    if (options !== undefined) WebSocketServer.new(echo, { ...options, webServer: web });
    return web.HTTPPort;
  },
  'a server of node:http': async (options) => {
    const http = createServer((request, response) => void describeRequest(request, response));
    if (options !== undefined) WebSocketServer.new(echo, { ...options, webServer: http });
    return listen(http);
  },
};

const echo = { onConnection: () => ({ onMessage: () => {} }) };

async function describeRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  response.end(`${request.method} ${request.url} with ${bytes} bytes`);
}

function compareAnswers(ask: () => Ask): void {
  describe.each(Object.entries(servers))('%s', (_, start) => {
    describe.each(requests)('answers $method $path with $bodyBytes bytes', (request) => {
      test('without a WebSocketServer', async () => {
        expect(await ask()(await start(), request)).toMatch(/^(?:200|404|405)/);
      });

      test.each([{ path: '/ws' }, {}])('the same with a WebSocketServer of %j', async (options) => {
        const expected = await ask()(await start(), request);
        expect(await ask()(await start(options), request)).toBe(expected);
      });
    });
  });
}

/** Runs curl, and resolves to what it prints: the bodies, and what `format` asks for behind each. */
async function runCurl(format: string, args: readonly string[]): Promise<string> {
  const common = ['--silent', '--show-error', '--http2', '--max-time', '20', '--write-out', format];
  const { stdout } = await promisify(execFile)('curl', [...common, ...args]);
  return stdout;
}

async function askByCurl(port: number, { method, path, bodyBytes }: PlainRequest): Promise<string> {
  const body = bodyBytes === 0 ? [] : ['--data-binary', `@${makeFolder({ body: 'x'.repeat(bodyBytes) })}/body`];
  const url = `http://127.0.0.1:${port}${path}`;
  const printed = await runCurl('\n%{http_code}', ['--request', method, ...body, url]);
  const end = printed.lastIndexOf('\n');
  return `${printed.slice(end + 1)} ${printed.slice(0, end).trim()}`;
}

describeTool(curl, () => {
  compareAnswers(() => askByCurl);

  test('two requests on one connection are answered', async () => {
    const url = `http://127.0.0.1:${await servers['a WebServer']!({})}/page.txt`;
    expect(await runCurl(' %{num_connects}\n', [url, url])).toBe('a page 1\na page 0\n');
  });
});

describeTool(java, () => {
  const running = usePeer(java);

  compareAnswers(
    () => (port, request) =>
      running().request(request.method, `http://127.0.0.1:${port}${request.path}`, request.bodyBytes),
  );
});
